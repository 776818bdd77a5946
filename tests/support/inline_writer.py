"""The writers of tests whose transaction is rolled back"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError

from activity.models import ActivityEvent
from analytics.ingest import background, commit
from analytics.ingest.background import Sink
from analytics.ingest.commit import Target
from analytics.ingest.group_writer import State
from analytics.ingest.spool import spooling
from config.api.outcomes import Outcome
from config.db import uuid7


class InlineWriter:
    """A writer that writes in the caller's thread, and so within its transaction."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._committed_rows = 0
        self._last_commit_at: datetime | None = None

    def write(self, items: Sequence[Any]) -> list[Outcome]:
        """Write items at once, or spool them."""
        try:
            return self._store(items)
        except (OperationalError, InterfaceError):
            return spooling.append(self._target, items)

    def drain(self, seconds: float) -> None:
        """Return at once: nothing waits."""

    def stop(self, seconds: float) -> None:
        """Return at once: there is no thread."""

    def state(self) -> State:
        """Return what was committed; nothing ever waits here."""
        return State(0, self._committed_rows, self._last_commit_at)

    def is_well(self) -> bool:
        """Return True: there is no thread that could hang."""
        return True

    def is_refusing(self) -> bool:
        """Return False, for the same reason."""
        return False

    def _store(self, items: Sequence[Any]) -> list[Outcome]:
        [outcomes] = commit.store_group(self._target, [items])
        self._committed_rows += commit.count_new_rows(self._target, [items], [outcomes])
        self._last_commit_at = uuid7.now()
        return outcomes


class InlineBackground:
    """Stores items in the thread, and so the transaction, of whoever asks for their rows.

    That is once a statement names the table: most tests never do.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting: list[Any] = []

    def put(self, item: Any) -> None:
        """Queue an item."""
        self._waiting.append(item)

    def drain(self, seconds: float) -> None:
        """Store what waits."""
        items, self._waiting = self._waiting, []  # storing them asks for their table too
        for item in items:
            background.store(self._sink, [item])

    def stop(self, seconds: float) -> None:
        """Forget what waits: its transaction is over."""


def store_what_is_asked_for(execute: Any, sql: Any, *more: Any) -> Any:
    """Execute a statement; before one that names their table, store the rows that wait."""
    if ActivityEvent._meta.db_table in str(sql):
        background.drain()
    return execute(sql, *more)
