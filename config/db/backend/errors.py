"""Errors of psycopg as Django's, and what they say of a connection."""

from types import TracebackType
from typing import Any

import psycopg
from django.db.utils import DatabaseErrorWrapper, OperationalError

from config.db import availability

READ_ONLY = "the database takes no writes"


class ErrorWrapper(DatabaseErrorWrapper):
    """Django's own, which drops a connection to a server that is, or became, a standby.

    After a failover the next connection may lead to the primary. Until then the database is as good
    as away to whoever writes. One that fails to connect, or loses its connection, may be away.
    """

    wrapper: Any

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            self.wrapper.connection.close()
            availability.suspect(self.wrapper.alias)
            raise OperationalError(READ_ONLY) from error
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            connection = self.wrapper.connection
            if connection is None or connection.closed:
                availability.suspect(self.wrapper.alias)
        super().__exit__(kind, error, traceback)
