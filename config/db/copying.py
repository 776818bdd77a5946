"""COPY together with other statements in one message, which is a transaction by itself.

psycopg's own COPY comes alone, so that others need a transaction around it: four more round trips,
which take as long as a small COPY.
"""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import errors, generators, pq


def copy_with(connection: psycopg.Connection[Any], statements: str, lines: Iterable[bytes]) -> None:
    """Execute statements of which the last is a COPY FROM STDIN of lines; raises psycopg's errors.

    A text among them must be quoted already. Outside of a transaction all of them are one.
    """
    with connection.lock:
        pgconn = connection.pgconn
        if not connection.autocommit and pgconn.transaction_status == pq.TransactionStatus.IDLE:
            statements = f"BEGIN; {statements}"  # which psycopg would send before a first statement
        pgconn.send_query(statements.encode())
        results = connection.wait(generators.execute(pgconn))
        if results[-1].status != pq.ExecStatus.COPY_IN:
            raise errors.error_from_result(results[-1])
        try:
            for chunk in lines:
                connection.wait(generators.copy_to(pgconn, chunk, flush=False))
        except BaseException as error:
            _end(connection, f"{type(error).__name__}".encode())
            raise
        _end(connection, None)


def _end(connection: psycopg.Connection[Any], reason: bytes | None) -> None:
    """End the COPY, because of an error if there is a reason."""
    try:
        connection.wait(generators.copy_end(connection.pgconn, reason))
    except errors.QueryCanceled:
        if reason is None:
            raise
