"""Connections that wait for their server no longer than the thread has patience."""

import time
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from psycopg.abc import PQGen, PQGenConn

from config.db import deadline

Value = TypeVar("Value")
POLL_SECONDS = 0.1  # psycopg's own
SILENT = "the server does not answer in time"


class Connection(psycopg.Connection[Any]):
    """A connection that is closed, with OperationalError, when patience ends.

    What was sent until then may still be done, once the server goes on.
    """

    def wait(
        self,
        gen: PQGen[Value],
        interval: float = POLL_SECONDS,
        timeout: float | None = None,
    ) -> Value:
        """Wait for an operation; every one, COPY and COMMIT included, waits here."""
        limit = deadline.remaining()
        if limit is None:
            return super().wait(gen, interval, timeout)
        try:
            if limit <= 0:  # psycopg would send the statement all the same
                raise psycopg.OperationalError(SILENT)
            with deadline.waiting():
                return super().wait(
                    gen, interval, limit if timeout is None else min(limit, timeout)
                )
        except psycopg.OperationalError:
            if deadline.remaining() == 0:
                self.close()  # the answer may come yet, and would be taken for that of the next
            raise

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn["Connection"]:
        # psycopg rounds connect_timeout up to two seconds.
        limit = deadline.remaining()
        ends_at = None if limit is None else time.monotonic() + limit
        with deadline.waiting():
            steps = super()._connect_gen(conninfo)
            try:
                wanted = next(steps)
                while ends_at is None or time.monotonic() < ends_at:
                    wanted = steps.send((yield wanted))
            except StopIteration as end:
                connection: Connection = end.value
                return connection
        raise psycopg.OperationalError(SILENT)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, but for its connections."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Connect; neither Django's pool nor its option isolation_level is in use here."""
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return Connection.connect(**conn_params)

    def ensure_connection(self) -> None:
        """Connect unless there is a connection; one that is closed is none."""
        if self.connection is not None and self.connection.closed and not self.in_atomic_block:
            self.close()
        super().ensure_connection()

    def is_usable(self) -> bool:
        """Tell whether the server answers; Django asks also before and after a request."""
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS):
            usable: bool = super().is_usable()
        return usable
