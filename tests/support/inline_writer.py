"""The writer of tests whose transaction is rolled back"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError

from analytics.ingest import commit
from analytics.ingest.commit import Target, Write
from analytics.ingest.writer import OnDrop, State
from config.api.errors import StorageUnavailable
from config.api.outcomes import Outcome
from config.db import uuid7


class InlineWriter:
    """A writer that writes in the caller's thread, and so within its transaction."""

    def __init__(self, alias: str, *, pause_seconds: float = 0) -> None:
        self._alias = alias
        self._committed_rows = 0
        self._last_commit_at: datetime | None = None

    def write(self, target: Target, items: Sequence[Any]) -> list[Outcome]:
        """Write items at once."""
        try:
            return self._store(Write(target, items))
        except (OperationalError, InterfaceError) as error:
            raise StorageUnavailable from error

    def enqueue(self, target: Target, item: Any, on_drop: OnDrop) -> None:
        """Write an item at once."""
        try:
            [outcome] = self._store(Write(target, [item]))
        except (OperationalError, InterfaceError):
            outcome = Outcome.WRITE_FAILED
        if outcome is Outcome.WRITE_FAILED:
            on_drop()

    def drain(self, seconds: float) -> None:
        """Return at once: nothing waits."""

    def stop(self, seconds: float) -> None:
        """Return at once: there is no thread."""

    def state(self) -> State:
        """Return what was committed; nothing ever waits here."""
        return State(0, self._committed_rows, self._last_commit_at)

    def _store(self, write: Write) -> list[Outcome]:
        [outcomes] = commit.store_group(self._alias, [write])
        self._committed_rows += commit.count_new_rows([write], [outcomes])
        self._last_commit_at = uuid7.now()
        return outcomes
