"""Databases that fail, and whose sessions end."""

from django.db import OperationalError, connections


def end_other_sessions(alias):
    """Cut every other connection to a database, as a restart of PostgreSQL does."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def away(alias, message):
    """Let every statement in a database fail for the time of a block."""

    def refuse(*statement):
        raise OperationalError(message)

    return connections[alias].execute_wrapper(refuse)
