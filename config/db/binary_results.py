"""Results in binary, which is quicker where they are large: as texts, bytes take twice as many"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connections


@contextmanager
def execute(alias: str, statement: Any, parameters: Any) -> Iterator[psycopg.Cursor[Any]]:
    """Execute a statement on the connection of an alias, in its transaction if there is one.

    Raises what the ORM raises.
    """
    connection = connections[alias]
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor.execute(statement, parameters, binary=True)
