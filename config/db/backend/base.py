"""Connections to PostgreSQL that stop waiting at the deadline of the thread, and are measured.

django-prometheus counts connections, statements and errors of each database, and times statements,
for about 8 microseconds each. A post of an event has none: its row goes by COPY, in a group.
"""

import time
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from django.utils.functional import cached_property
from django_prometheus.db.common import DatabaseWrapperMixin, ExportingCursorWrapper
from psycopg.abc import PQGen, PQGenConn

from config.db import deadline
from config.db.backend.errors import ErrorWrapper

Value = TypeVar("Value")
POLL_SECONDS = 0.1  # psycopg's default
TIMED_OUT = "the server does not answer in time"


class Connection(psycopg.Connection[Any]):
    """A connection that raises OperationalError, and is closed, at the deadline of the thread.

    The server may still execute what was sent until then.
    """

    def wait(
        self,
        gen: PQGen[Value],
        interval: float = POLL_SECONDS,
        timeout: float | None = None,
    ) -> Value:
        """Wait for an operation until the deadline.

        psycopg waits here for all of them, COPY and COMMIT included.
        """
        limit = deadline.remaining()
        if limit is None:
            return super().wait(gen, interval, timeout)
        try:
            if limit <= 0:  # psycopg would still send the statement
                raise psycopg.OperationalError(TIMED_OUT)
            with deadline.waiting():
                return super().wait(
                    gen, interval, limit if timeout is None else min(limit, timeout)
                )
        except psycopg.OperationalError:
            if deadline.remaining() == 0:
                # The result may still arrive, and the next query would take it for its own.
                self.close()
            raise

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn["Connection"]:
        # connect_timeout is no substitute: psycopg raises it to at least two seconds. The generator
        # yields what to wait for on the socket, and `connect` sends back what is ready, or nothing
        # each POLL_SECONDS; between two steps the deadline is checked.
        limit = deadline.remaining()
        ends_at = None if limit is None else time.monotonic() + limit
        with deadline.waiting():
            steps = super()._connect_gen(conninfo)
            try:
                wait_for = next(steps)
                while ends_at is None or time.monotonic() < ends_at:
                    wait_for = steps.send((yield wait_for))
            except StopIteration as result:
                connection: Connection = result.value
                return connection
        raise psycopg.OperationalError(TIMED_OUT)


class DeadlineWrapper(base.DatabaseWrapper):
    """Django's own, with connections that have deadlines."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Connect, without Django's pool and its option isolation_level."""
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return Connection.connect(**conn_params)

    @cached_property
    def wrap_database_errors(self) -> ErrorWrapper:
        """Return the block in which errors of psycopg become Django's."""
        return ErrorWrapper(self)

    def ensure_connection(self) -> None:
        """Connect unless there is an open connection.

        Django does not notice that a deadline has closed one. Within a transaction it must stay:
        what was written is lost, and the rest of the block must fail.
        """
        if self.connection is not None and self.connection.closed and not self.in_atomic_block:
            self.close()
        super().ensure_connection()

    def is_usable(self) -> bool:
        """Return whether the server answers; Django also asks outside of any deadline."""
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS):
            usable: bool = super().is_usable()
        return usable


class DatabaseWrapper(DatabaseWrapperMixin, DeadlineWrapper):
    """Counts connections and statements as django-prometheus's own backend does."""

    def get_connection_params(self) -> dict[str, Any]:
        """Return the parameters of a connection whose cursors count."""
        params: dict[str, Any] = super().get_connection_params()
        factory = ExportingCursorWrapper(params["cursor_factory"], self.alias, self.vendor)
        return params | {"cursor_factory": factory}

    def create_cursor(self, name: str | None = None) -> Any:
        """Return a cursor of the connection's factory: the mixin's way is that of psycopg 2."""
        return base.DatabaseWrapper.create_cursor(self, name)
