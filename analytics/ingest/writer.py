"""Group commit: a request hands its rows over and gets them back committed.

Each process has one writer for each database: a thread that takes everything that is waiting,
stores it in one transaction (commit.py) and wakes all whose rows were in it. There is no timer.
While one group is being committed the next one gathers, so that an event that comes alone is
written at once, and groups grow with the load.

Rows that nobody waits for are stored by background.py.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.util import Finalize
from typing import Any, Protocol

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from prometheus_client import Gauge

from analytics.ingest import commit
from analytics.ingest.commit import Target, Write
from config.api.errors import RowRefused, StorageUnavailable
from config.api.outcomes import Outcome
from config.db import deadline, uuid7

logger = logging.getLogger(__name__)

MAX_GROUP_ROWS = 10_000

WAITING_ROWS = Gauge(
    "millrace_write_waiting_rows",
    "Rows and changes that no transaction has taken yet.",
    ["database"],
    multiprocess_mode="livesum",
)


@dataclass(frozen=True, slots=True)
class State:
    """What a writer has still to write, and what it has committed since it started."""

    waiting_rows: int = 0
    committed_rows: int = 0
    last_commit_at: datetime | None = None


class Writer(Protocol):
    """Stores rows and changes of one database durably."""

    def write(self, target: Target, items: Sequence[Any]) -> list[Outcome]:
        """Return, after the commit, the outcome of each item, or raise StorageUnavailable."""

    def drain(self, seconds: float) -> None:
        """Wait until everything that was handed over is stored or dropped, at most so long."""

    def stop(self, seconds: float) -> None:
        """Drain, then let go of the thread and its connection, each within so many seconds."""

    def state(self) -> State:
        """Return how the writer stands."""


class _Waiting:
    """What one request handed over, and its outcomes once `done` is released.

    A bare lock wakes its thread once; a Future, an Event or a Condition would wake it to wait for
    a lock of their own that the waking thread still holds.
    """

    __slots__ = ("done", "outcomes", "write")

    def __init__(self, write: Write) -> None:
        self.write = write
        self.outcomes: list[Outcome] | None = None  # None: not known to be committed
        self.done = threading.Lock()
        self.done.acquire()


class GroupWriter:
    """A thread that stores what many requests hand over in one transaction after another."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._waiting: deque[_Waiting] = deque()
        self._waiting_rows = 0
        self._waiting_gauge = WAITING_ROWS.labels(alias)
        self._committed_rows = 0
        self._last_commit_at: datetime | None = None
        self._is_writing = False
        self._is_stopped = False
        self._changed = threading.Condition()  # guards all of these
        self._thread = threading.Thread(target=self._run, name=f"writer-{alias}", daemon=True)
        self._thread.start()

    def write(self, target: Target, items: Sequence[Any]) -> list[Outcome]:
        """Hand items over and wait for their commit, at most WRITE_TIMEOUT_SECONDS."""
        waiting = _Waiting(Write(target, items))
        left = deadline.remaining()
        with self._changed:
            self._append(waiting)
        with deadline.waiting():
            waiting.done.acquire(timeout=settings.WRITE_TIMEOUT_SECONDS if left is None else left)
        if waiting.outcomes is None:
            self._withdraw(waiting)
            raise StorageUnavailable
        return waiting.outcomes

    def drain(self, seconds: float) -> None:
        """Wait until no group is waiting or being written."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._is_writing, seconds)

    def stop(self, seconds: float) -> None:
        """Drain, then end the thread, which closes its connection."""
        self.drain(seconds)
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def state(self) -> State:
        return State(self._waiting_rows, self._committed_rows, self._last_commit_at)

    def _append(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._count_waiting(len(waiting.write.items))
        self._changed.notify()

    def _withdraw(self, waiting: _Waiting) -> None:
        """Take back items that no group has taken yet; others may still be committed."""
        with self._changed, suppress(ValueError):
            self._waiting.remove(waiting)
            self._count_waiting(-len(waiting.write.items))

    def _count_waiting(self, change: int) -> None:
        self._waiting_rows += change
        self._waiting_gauge.inc(change)

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            self._store(group)
            for waiting in group:
                waiting.done.release()
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
        connections[self._alias].close()

    def _next_group(self) -> list[_Waiting] | None:
        """Wait until something is there and take all of it; None once the writer is stopped."""
        group: list[_Waiting] = []
        items = 0
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_stopped)
            while self._waiting and items < MAX_GROUP_ROWS:
                group.append(self._waiting.popleft())
                items += len(group[-1].write.items)
            self._count_waiting(-items)
            self._is_writing = bool(group)
        return group or None

    def _store(self, group: Sequence[_Waiting]) -> None:
        """Commit a group and set the outcomes; the thread survives whatever goes wrong."""
        writes = [waiting.write for waiting in group]
        try:
            with deadline.within(settings.WRITE_TIMEOUT_SECONDS):  # nobody waits longer
                outcomes = commit.store_group(self._alias, writes)
            new_rows = commit.count_new_rows(writes, outcomes)
        except Exception as error:
            is_away = isinstance(error, (OperationalError, InterfaceError))
            logger.warning("Rows not stored: %s", error, exc_info=None if is_away else error)
            return
        self._committed_rows += new_rows
        self._last_commit_at = uuid7.now()
        for waiting, each in zip(group, outcomes, strict=True):
            waiting.outcomes = each


_factory: Callable[[str], Writer] = GroupWriter
_writers: dict[str, Writer] = {}  # by alias, started by the first row that needs one
_starting = threading.Lock()


def write(target: Target, items: Sequence[Any]) -> list[Outcome]:
    """Store rows, or make changes, and return the outcome of each, after the commit.

    Rows: STORED, DUPLICATE (also of an id that comes twice), or WRITE_FAILED when the database
    refuses the row. Changes: what their stream says. Raises StorageUnavailable when the commit is
    not confirmed in time; it may still happen.
    """
    return _writer(target.alias).write(target, items)


def write_one(target: Target, item: Any) -> Outcome:
    """Store one row, or make one change; raises RowRefused when the database refuses it."""
    [outcome] = write(target, [item])
    if outcome is Outcome.WRITE_FAILED:
        raise RowRefused
    return outcome


def drain() -> None:
    """Wait until everything that was handed over is stored or dropped, for a bounded time."""
    for writer in _writers.values():
        writer.drain(settings.WRITE_TIMEOUT_SECONDS)


def reset(factory: Callable[[str], Writer] = GroupWriter) -> None:
    """Stop all writers; those that the next rows start are made by a factory."""
    global _factory
    for writer in _writers.values():
        writer.stop(settings.WRITE_TIMEOUT_SECONDS)
    with _starting:
        _writers.clear()
        _factory = factory


def state(alias: str) -> State:
    """Return how the writer that requests wait for stands; asking starts none."""
    writer = _writers.get(alias)
    return writer.state() if writer else State()


def _writer(alias: str) -> Writer:
    with _starting:
        if alias not in _writers:
            if not _writers:  # unlike atexit, this also works in a worker that its server forked
                Finalize(None, drain, exitpriority=10)
            _writers[alias] = _factory(alias)
        return _writers[alias]
