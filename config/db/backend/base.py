"""Connections to PostgreSQL that stop waiting at the deadline of the thread, and are measured.

django-prometheus counts connections, statements and errors of each database, and times statements,
for about 8 microseconds each. A post of an event has none: its row goes by COPY, in a group.
"""

import time
from functools import cache, partial
from typing import Any, TypeVar, cast

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from django.utils.functional import cached_property
from django_prometheus.db import connection_errors_total, connections_total
from django_prometheus.db.common import ExportingCursorWrapper
from psycopg.abc import PQGen, PQGenConn

from config.db import availability, cooperative, deadline, pool
from config.db.backend.errors import ErrorWrapper
from config.db.backend.schema import SchemaEditor
from config.db.pool import Pool

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
            return self._wait(gen, interval, timeout)
        try:
            if limit <= 0:  # psycopg would still send the statement
                raise psycopg.OperationalError(TIMED_OUT)
            with deadline.waiting():
                return self._wait(gen, interval, limit if timeout is None else min(limit, timeout))
        except psycopg.OperationalError:
            if deadline.remaining() == 0:
                # The result may still arrive, and the next query would take it for its own.
                self.close()
            raise

    def _wait(self, gen: PQGen[Value], interval: float, seconds: float | None) -> Value:
        if not cooperative.is_patched():
            return super().wait(gen, interval, seconds)
        try:
            return cooperative.wait(gen, self.pgconn.socket, seconds)
        except cooperative.TimedOut as error:
            self.close()  # at once: timers of gevent may be a little early
            raise psycopg.OperationalError(TIMED_OUT) from error

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


class PooledWrapper(base.DatabaseWrapper):
    """Django's own, with connections that have deadlines, and may be borrowed for a request."""

    SchemaEditorClass = SchemaEditor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lender: Pool | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Borrow a connection or open one, without Django's pool and its option isolation_level."""
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        self._lender = pool.current(self.alias)
        connect = partial(self.open_connection, conn_params)
        if self._lender is None:
            return connect()
        connection = self._lender.borrow(connect)
        pool.remember(self)
        return cast(Connection, connection)

    def open_connection(self, conn_params: dict[str, Any]) -> Connection:
        return Connection.connect(**conn_params)

    def connect(self) -> None:
        """Connect, or be as before.

        Django would keep a connection that failed before autocommit was on: what is then written by
        one statement is never committed.
        """
        try:
            super().connect()
        except BaseException:
            self.close()
            raise

    @cached_property
    def wrap_database_errors(self) -> ErrorWrapper:
        """Return the block in which errors of psycopg become Django's."""
        return ErrorWrapper(self)

    def ensure_connection(self) -> None:
        """Connect unless there is an open connection.

        Django does not notice that a deadline has closed one. Within a transaction it must stay:
        what was written is lost, and the rest of the block must fail. While the database is away,
        no connection is of use.
        """
        if not self.in_atomic_block:
            availability.require(self.alias)
        if self.connection is not None and self.connection.closed and not self.in_atomic_block:
            self.close()
        super().ensure_connection()

    def close_if_unusable_or_obsolete(self) -> None:
        """Leave a borrowed connection to `pool.give_back`."""
        if self._lender is None:
            super().close_if_unusable_or_obsolete()

    def is_usable(self) -> bool:
        """Return whether the server answers; Django also asks outside of any deadline."""
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS):
            usable: bool = super().is_usable()
        return usable

    def _close(self) -> None:
        lender, self._lender = self._lender, None
        if lender and self.connection is not None:
            lender.give_back(self.connection)
        else:
            super()._close()  # type: ignore[misc]


class DatabaseWrapper(PooledWrapper):
    """Counts connections and statements under the names of django-prometheus."""

    def get_connection_params(self) -> dict[str, Any]:
        """Return the parameters of a connection whose cursors count."""
        params: dict[str, Any] = super().get_connection_params()
        return params | {"cursor_factory": counting_cursor(params["cursor_factory"], self.alias)}

    def open_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Open a connection, and count it, or its failure."""
        connections_total.labels(self.alias, self.vendor).inc()
        try:
            return super().open_connection(conn_params)
        except Exception:
            connection_errors_total.labels(self.alias, self.vendor).inc()
            raise


@cache
def counting_cursor(kind: type, alias: str) -> Any:
    """Return a class of cursors that counts; making one takes longer than most statements."""
    return ExportingCursorWrapper(kind, alias, base.DatabaseWrapper.vendor)
