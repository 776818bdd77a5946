"""The way to disk: group commit. What `write` has returned is committed.

One thread for each database writes everything that is waiting, in one transaction, and wakes
everyone whose rows were in it. There is no timer: while one group commits, the next one gathers.
Alone, an event is written at once; under load, groups grow by themselves.

What is handed over is new rows of a Table, or Updates of rows; a group may hold any of both.
Rows that nobody waits for have a thread and a connection of their own, and a bounded queue: a lock
on their table, or a failure, must not be felt by those who wait.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from multiprocessing.util import Finalize
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connections, transaction
from prometheus_client import Gauge, Histogram

from analytics.ingest.bulk_copy import (
    Results,
    Row,
    Rows,
    Table,
    Written,
    copy_rows,
    insert_ignoring_duplicates,
    is_row_error,
    is_serialization_failure,
)
from analytics.ingest.updates import (
    PendingUpdates,
    UpdateResults,
    Updates,
    apply_all,
    apply_bisecting,
)
from config.api.errors import StorageUnavailable
from config.db import (
    deadline,
    uuid7,
)

logger = logging.getLogger(__name__)

MAX_GROUP_ROWS = 10_000
MAX_WAITING_ROWS = 10_000  # of those that nobody waits for; beyond them none is taken
PAUSE_SECONDS = 0.05  # before each of their groups, so that there are few
ATTEMPTS = 3

Target = Table | Updates
OnDrop = Callable[
    [], None
]  # hears of an item that is not stored, where nobody waits; must not raise

GROUP_ROWS = Histogram(
    "millrace_write_group_rows",
    "Rows and changes that one transaction wrote.",
    buckets=[1, 2, 5, 10, 20, 50, 100, 1_000, 10_000],
)
WAITING_ROWS = Gauge(
    "millrace_write_waiting_rows",
    "Rows and changes that no transaction has taken yet.",
    ["database"],
    multiprocess_mode="livesum",
)
GROUP_SECONDS = Histogram("millrace_write_seconds", "Time that one transaction of rows took.")


@dataclass(slots=True)
class Commits:
    """What a writer has committed since it started."""

    rows: int = 0
    last_at: datetime | None = None

    def count(self, results_of_group: Sequence[Sequence[Written]]) -> None:
        """Count the new rows of one more commit."""
        self.rows += sum(written.count(Written.NEW) for written in results_of_group)
        self.last_at = uuid7.now()


@dataclass(frozen=True, slots=True)
class State:
    """How a writer stands: the rows that wait for it, what it has committed and when last."""

    waiting_rows: int = 0
    committed_rows: int = 0
    last_commit_at: datetime | None = None


class Writer(Protocol):
    """Stores rows and changes durably."""

    commits: Commits

    def waiting_rows(self) -> int:
        """Return the number of rows and changes that no group has taken yet."""

    def write(self, target: Target, items: Sequence[Any]) -> list[Written]:
        """Return, after the commit, what became of each item, or raise StorageUnavailable."""

    def enqueue(self, target: Target, item: Any, on_drop: OnDrop) -> None:
        """Take an item that nobody waits for, and call `on_drop` if it is not stored."""

    def drain(self, seconds: float) -> None:
        """Wait until everything that was handed over is stored or dropped, at most so long."""


class _Waiting:
    """The items of one request, and what became of them once `done` is released.

    A bare lock wakes its thread once; a Future would wake it to wait for the Future's own lock.
    """

    __slots__ = ("done", "items", "on_drop", "target", "written")

    def __init__(self, target: Target, items: Sequence[Any], on_drop: OnDrop | None = None) -> None:
        self.target = target
        self.items = items
        self.on_drop = on_drop
        self.written: list[Written] | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def finish(self) -> None:
        """Wake whoever waits, or call `on_drop` where nobody does and something is not stored."""
        self.done.release()
        if self.on_drop and (self.written is None or Written.REFUSED in self.written):
            self.on_drop()


class GroupWriter:
    """Writes the items of many requests in one transaction, from a thread of its own."""

    def __init__(self, alias: str, *, pause_seconds: float = 0) -> None:
        self._alias = alias
        self._pause_seconds = pause_seconds
        self._waiting: deque[_Waiting] = deque()
        self._waiting_rows = 0
        self._waiting_gauge = WAITING_ROWS.labels(alias)
        self._is_writing = False
        self._changed = threading.Condition()
        self.commits = Commits()
        threading.Thread(target=self._run, name=f"writer-{alias}", daemon=True).start()

    def write(self, target: Target, items: Sequence[Any]) -> list[Written]:
        """Hand items over and wait for their commit, at most WRITE_TIMEOUT_SECONDS."""
        waiting = _Waiting(target, items)
        left = deadline.remaining()
        with self._changed:
            self._append(waiting)
        with deadline.waiting():
            waiting.done.acquire(timeout=settings.WRITE_TIMEOUT_SECONDS if left is None else left)
        if waiting.written is None:
            self._withdraw(waiting)
            raise StorageUnavailable
        return waiting.written

    def enqueue(self, target: Target, item: Any, on_drop: OnDrop) -> None:
        """Queue an item unless the queue is full."""
        with self._changed:
            has_room = self._waiting_rows < MAX_WAITING_ROWS
            if has_room:
                self._append(_Waiting(target, [item], on_drop))
        if not has_room:
            on_drop()

    def drain(self, seconds: float) -> None:
        """Wait until no group is waiting or being written."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._is_writing, seconds)

    def _append(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._count(len(waiting.items))
        self._changed.notify()

    def waiting_rows(self) -> int:
        """Return the number of rows and changes that no group has taken yet."""
        return self._waiting_rows

    def _count(self, change: int) -> None:
        self._waiting_rows += change
        self._waiting_gauge.inc(change)

    def _withdraw(self, waiting: _Waiting) -> None:
        """Take back items that no group has taken yet; others may still be committed."""
        with self._changed, suppress(ValueError):
            self._waiting.remove(waiting)
            self._count(-len(waiting.items))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
            time.sleep(self._pause_seconds)
            group = self._next_group()
            try:
                with deadline.within(settings.WRITE_TIMEOUT_SECONDS):  # nobody waits longer
                    results_of_group = _store(self._alias, group)
            except Exception as error:
                # Whatever it is, the waiting must hear of it and the thread must live.
                is_away = isinstance(error, (OperationalError, InterfaceError))
                logger.warning("Rows not stored: %s", error, exc_info=None if is_away else error)
            else:
                self.commits.count(results_of_group)
                for waiting, written in zip(group, results_of_group, strict=True):
                    waiting.written = written
            for waiting in group:
                waiting.finish()
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        items = 0
        with self._changed:
            while self._waiting and items < MAX_GROUP_ROWS:
                group.append(self._waiting.popleft())
                items += len(group[-1].items)
            self._count(-items)
            self._is_writing = True
        return group


_writers: dict[str, Writer] = {}
_background_writers: dict[str, Writer] = {}
_starting = threading.Lock()


def write(target: Target, items: Sequence[Any]) -> list[Written]:
    """Store rows, or make changes, durably; raises StorageUnavailable if not confirmed in time.

    Of rows with one id only the first is stored; the others are results_of_group to be KNOWN.
    """
    return _writer(_writers, target.alias).write(target, items)


def enqueue(target: Target, item: Any, on_drop: OnDrop) -> None:
    """Store a row or change with others, waiting for nothing; call `on_drop` if it is not stored.

    It is called at once when too many wait already, else later by the thread of the writer. What
    is queued when the process stops is stored before it ends.
    """
    _writer(_background_writers, target.alias, pause_seconds=PAUSE_SECONDS).enqueue(
        target, item, on_drop
    )


def drain() -> None:
    """Wait until everything that was handed over is stored or dropped, for a bounded time."""
    for writer in (*_writers.values(), *_background_writers.values()):
        writer.drain(settings.WRITE_TIMEOUT_SECONDS)


def _writer(started: dict[str, Writer], alias: str, *, pause_seconds: float = 0) -> Writer:
    with _starting:  # the thread starts with the first row, in the process that needs it
        if alias not in started:
            if not started:  # unlike atexit, this also works in a worker that its server forked
                Finalize(None, drain, exitpriority=10)
            started[alias] = GroupWriter(alias, pause_seconds=pause_seconds)
        return started[alias]


def state(alias: str) -> State:
    """Return how the writer stands for whom requests wait; before its first row, nothing."""
    writer = _writers.get(alias)
    if writer is None:
        return State()
    return State(writer.waiting_rows(), writer.commits.rows, writer.commits.last_at)


def _store(alias: str, group: Sequence[_Waiting]) -> list[list[Written]]:
    """Store the items of a group; return what became of each item of each request, in order."""
    rows: dict[Table, dict[UUID, Row]] = {}
    pending: dict[Updates, list[Any]] = {}
    for waiting in group:
        if isinstance(waiting.target, Updates):
            pending.setdefault(waiting.target, []).extend(waiting.items)
            continue
        by_id = rows.setdefault(waiting.target, {})
        for row in waiting.items:
            by_id.setdefault(row[0], row)
    results, changed = _commit(alias, rows, pending)
    next_changed = {changes: iter(written) for changes, written in changed.items()}

    def result_of(row: Row) -> Written:
        written = results[row[0]]
        if written is Written.NEW:
            results[row[0]] = Written.DUPLICATE  # for whoever sent this id after it
        return written

    return [
        list(islice(next_changed[waiting.target], len(waiting.items)))
        if isinstance(waiting.target, Updates)
        else [result_of(row) for row in waiting.items]
        for waiting in group
    ]


def _commit(alias: str, rows: Rows, pending: PendingUpdates) -> tuple[Results, UpdateResults]:
    """Store rows and make changes in one transaction.

    New rows come first, so that every process takes its locks in the same order. Raises
    DatabaseError when the transaction was not confirmed.
    """
    started = time.perf_counter()
    store, apply = copy_rows, apply_all
    for attempt in range(1, ATTEMPTS + 1):
        used = connections[alias].connection
        is_in_commit = False
        try:
            with transaction.atomic(using=alias):
                results, changed = store(rows), apply(pending)
                is_in_commit = True
        except (DatabaseError, InterfaceError, UnicodeError) as error:
            if is_in_commit or attempt == ATTEMPTS:
                raise  # after a lost COMMIT nobody knows; a second try could store twice
            if is_row_error(error) or is_serialization_failure(error):
                store, apply = insert_ignoring_duplicates, apply_bisecting
            elif used is None or not _is_lost(alias, used):
                raise
        else:
            GROUP_ROWS.observe(len(results) + sum(map(len, changed.values())))
            GROUP_SECONDS.observe(time.perf_counter() - started)
            return results, changed
    raise AssertionError("unreachable")


def _is_lost(alias: str, connection: Any) -> bool:
    """Tell whether a connection is lost, as after a restart of PostgreSQL, and drop it then.

    On its way out of the transaction Django may have opened another one already.
    """
    if connection.closed and connections[alias].connection is connection:
        connections[alias].close()
    return bool(connection.closed)
