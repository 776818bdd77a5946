"""Rows on their way into the databases: those of a day in one transaction."""

from collections.abc import Iterable

from django.db import IntegrityError, connections

from analytics.ingest.bulk_copy import copy_rows, insert_ignoring_duplicates
from analytics.streams import partitions
from analytics.streams.base import streams
from config.db import deadline
from config.db.routers import home
from tests.traffic.day import Rows
from tests.traffic.period import Period
from websites.models import User


def create_partitions(period: Period) -> None:
    """Create the partitions of a period that are missing."""
    for model in streams():
        for month in period.months:
            partitions.create(model, month)


def create_users(users: Iterable[User]) -> None:
    """Store users who cannot log in, unless they exist."""
    found = list(users)
    for user in found:
        user.set_unusable_password()
    User.objects.bulk_create(found, ignore_conflicts=True)


def store(rows: Rows) -> None:
    """Store rows, some or all of which an interrupted run may have stored before."""
    try:
        _write(rows, is_new=True)
    except IntegrityError:
        _write(rows, is_new=False)


def vacuum() -> None:
    """Vacuum and analyze all streams, as PostgreSQL's autovacuum would within an hour."""
    for model in streams():
        with connections[home(model)].cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")  # VACUUM runs in no transaction
            try:
                cursor.execute(f"VACUUM (ANALYZE) {model._meta.db_table}")
            finally:
                cursor.execute("RESET statement_timeout")


def _write(rows: Rows, *, is_new: bool) -> None:
    [alias] = {table.alias for table in rows}
    with deadline.long_transaction(alias) as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")  # it can be generated again
        for table, by_id in rows.items():
            (copy_rows if is_new else insert_ignoring_duplicates)(table, list(by_id.values()))
