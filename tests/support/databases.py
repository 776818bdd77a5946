"""Databases that fail, and connections of others"""

import time

import psycopg
from django.db import OperationalError, connections

from tests.support.processes import TIMEOUT_SECONDS

LOCK_WAITERS = (
    "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
IS_ANYONE_WAITING = f"SELECT EXISTS (SELECT pid {LOCK_WAITERS})"


def terminate_other_connections(alias):
    """Cut every other connection to a database, as a restart of PostgreSQL does."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def failing(alias, message):
    """Let every statement in a database fail for the time of a block."""

    def refuse(*statement):
        raise OperationalError(message)

    return connections[alias].execute_wrapper(refuse)


def connect_to_analytics(*, autocommit=False):
    """Open a connection that Django does not know."""
    there = connections["analytics"].settings_dict
    return psycopg.connect(
        dbname=there["NAME"],
        user=there["USER"],
        password=there["PASSWORD"],
        host=there["HOST"],
        port=there["PORT"] or None,
        autocommit=autocommit,
    )


def wait_until_true(sql, connection):
    """Ask until PostgreSQL says yes."""
    give_up = time.monotonic() + TIMEOUT_SECONDS
    while not connection.execute(sql).fetchone()[0]:
        connection.rollback()
        assert time.monotonic() < give_up, sql
