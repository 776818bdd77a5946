"""The clock of a database server, which all hosts share."""

from datetime import datetime

from django.db import connections


def now(alias: str) -> datetime:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [[time]] = cursor.fetchall()
    at: datetime = time
    return at
