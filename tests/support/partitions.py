"""Partitions of tests, and the command that makes them"""

from io import StringIO

from django.core.management import call_command
from django.db import connections


def run_partitions(*options):
    out = StringIO()
    call_command("partitions", *options, stdout=out)
    return out.getvalue().splitlines()


def partition_of(event_id):
    """Return the name of the partition that a row lies in; on a cluster without the shard's."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            r"SELECT regexp_replace(tableoid::regclass::text, '_\d+$', '') FROM analytics_event "
            "WHERE id = %s",
            [event_id],
        )
        [[name]] = cursor.fetchall()
    return name
