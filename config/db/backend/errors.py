"""Errors of psycopg as Django's, and what they say of a connection."""

from types import TracebackType
from typing import Any

import psycopg
from django.db.utils import DatabaseErrorWrapper, OperationalError

READ_ONLY = "the database takes no writes"


class ErrorWrapper(DatabaseErrorWrapper):
    """Django's own, which drops a connection to a server that is, or became, a standby.

    After a failover the next connection may lead to the primary. Until then the database is as good
    as away to whoever writes.
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
            raise OperationalError(READ_ONLY) from error
        super().__exit__(kind, error, traceback)
