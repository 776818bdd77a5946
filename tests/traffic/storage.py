"""Partitions and users that made-up rows need, and what comes after them."""

from collections.abc import Iterable

from django.db import connections

from analytics.streams import partitions
from analytics.streams.base import streams
from config.db.routers import home
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


def vacuum() -> None:
    """Vacuum and analyze all streams, as PostgreSQL's autovacuum would within an hour."""
    for model in streams():
        with connections[home(model)].cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")  # VACUUM runs in no transaction
            try:
                cursor.execute(f"VACUUM (ANALYZE) {model._meta.db_table}")
            finally:
                cursor.execute("RESET statement_timeout")
