"""The writer of tests whose transaction is rolled back."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.db import InterfaceError, OperationalError

from analytics.ingest import writer
from analytics.ingest.bulk_copy import Written
from config.api.errors import StorageUnavailable


class InlineWriter:
    """A writer that writes in the caller's thread, and so within its transaction."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self.commits = writer.Commits()

    def waiting_rows(self) -> int:
        """Return 0: nothing ever waits here."""
        return 0

    def write(self, target: writer.Target, items: Sequence[Any]) -> list[Written]:
        """Write items at once."""
        try:
            [written] = writer._store(self._alias, [writer._Waiting(target, items)])
        except (OperationalError, InterfaceError) as error:
            raise StorageUnavailable from error
        self.commits.count([written])
        return written

    def enqueue(self, target: writer.Target, item: Any, lost: writer.OnDrop) -> None:
        """Write an item at once."""
        offered = writer._Waiting(target, [item], lost)
        with suppress(OperationalError, InterfaceError):
            [offered.written] = told = writer._store(self._alias, [offered])
            self.commits.count(told)
        offered.finish()

    def drain(self, seconds: float) -> None:
        """Return at once: nothing waits."""
