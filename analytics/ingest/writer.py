"""The way to disk: group commit. What `write` has returned is committed.

One thread for each database writes everything that is waiting, in one transaction, and wakes
everyone whose rows were in it. There is no timer: while one group commits, the next one gathers.
Alone, an event is written at once; under load, groups grow by themselves.

What is handed over is new rows of a Table, or Changes of rows; a group may hold any of both.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connections, transaction
from prometheus_client import Histogram

from analytics.ingest.changes import Changed, Changes, Wanted, apply_all, apply_apart
from analytics.ingest.copy import (
    Results,
    Row,
    Rows,
    Table,
    Written,
    copy_all,
    insert_all,
    is_of_order,
    is_of_rows,
)
from config import patience
from config.errors import StorageUnavailable

logger = logging.getLogger(__name__)

MAX_GROUP_ROWS = 10_000
ATTEMPTS = 3

Target = Table | Changes

GROUP_ROWS = Histogram(
    "millrace_write_group_rows",
    "Rows and changes that one transaction wrote.",
    buckets=[1, 2, 5, 10, 20, 50, 100, 1_000, 10_000],
)
GROUP_SECONDS = Histogram("millrace_write_seconds", "Time that one transaction of rows took.")


class Writer(Protocol):
    """Stores rows and changes durably."""

    def write(self, target: Target, items: Sequence[Any]) -> list[Written]:
        """Return, after the commit, what became of each item, or raise StorageUnavailable."""


class _Waiting:
    """The items of one request, and what became of them once `done` is released.

    A bare lock wakes its thread once; a Future would wake it to wait for the Future's own lock.
    """

    __slots__ = ("done", "items", "target", "written")

    def __init__(self, target: Target, items: Sequence[Any]) -> None:
        self.target = target
        self.items = items
        self.written: list[Written] | None = None
        self.done = threading.Lock()
        self.done.acquire()


class GroupWriter:
    """Writes the items of many requests in one transaction, from a thread of its own."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name=f"writer-{alias}", daemon=True).start()

    def write(self, target: Target, items: Sequence[Any]) -> list[Written]:
        """Hand items over and wait for their commit, at most WRITE_TIMEOUT_SECONDS."""
        waiting = _Waiting(target, items)
        left = patience.left()
        with self._changed:
            self._waiting.append(waiting)
            self._changed.notify()
        with patience.spending():
            waiting.done.acquire(timeout=settings.WRITE_TIMEOUT_SECONDS if left is None else left)
        if waiting.written is None:
            self._withdraw(waiting)
            raise StorageUnavailable
        return waiting.written

    def _withdraw(self, waiting: _Waiting) -> None:
        """Take back items that no group has taken yet; others may still be committed."""
        with self._changed, suppress(ValueError):
            self._waiting.remove(waiting)

    def _run(self) -> None:
        while True:
            group = self._next_group()
            try:
                with patience.at_most(settings.WRITE_TIMEOUT_SECONDS):  # nobody waits longer
                    told = _store(self._alias, group)
            except Exception as error:
                # Whatever it is, the waiting must hear of it and the thread must live.
                is_away = isinstance(error, (OperationalError, InterfaceError))
                logger.warning("Rows not stored: %s", error, exc_info=None if is_away else error)
            else:
                for waiting, written in zip(group, told, strict=True):
                    waiting.written = written
            for waiting in group:
                waiting.done.release()

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        items = 0
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            while self._waiting and items < MAX_GROUP_ROWS:
                group.append(self._waiting.popleft())
                items += len(group[-1].items)
        return group


class InlineWriter:
    """Writes in the caller's thread, and so within its transaction: for tests."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def write(self, target: Target, items: Sequence[Any]) -> list[Written]:
        """Write items at once."""
        try:
            [written] = _store(self._alias, [_Waiting(target, items)])
        except (OperationalError, InterfaceError) as error:
            raise StorageUnavailable from error
        return written


_writers: dict[str, Writer] = {}
_starting = threading.Lock()


def write(target: Target, items: Sequence[Any]) -> list[Written]:
    """Store rows, or make changes, durably; raises StorageUnavailable if not confirmed in time.

    Of rows with one id only the first is stored; the others are told to be KNOWN.
    """
    with _starting:  # the thread starts with the first row, in the process that needs it
        if target.alias not in _writers:
            _writers[target.alias] = GroupWriter(target.alias)
    return _writers[target.alias].write(target, items)


def _store(alias: str, group: Sequence[_Waiting]) -> list[list[Written]]:
    """Store the items of a group; return what became of each item of each request, in order."""
    rows: dict[Table, dict[UUID, Row]] = {}
    wanted: dict[Changes, list[Any]] = {}
    for waiting in group:
        if isinstance(waiting.target, Changes):
            wanted.setdefault(waiting.target, []).extend(waiting.items)
            continue
        by_id = rows.setdefault(waiting.target, {})
        for row in waiting.items:
            by_id.setdefault(row[0], row)
    results, changed = _commit(alias, rows, wanted)
    next_changed = {changes: iter(written) for changes, written in changed.items()}

    def tell(row: Row) -> Written:
        written = results[row[0]]
        if written is Written.NEW:
            results[row[0]] = Written.KNOWN  # for whoever sent this id after it
        return written

    return [
        list(islice(next_changed[waiting.target], len(waiting.items)))
        if isinstance(waiting.target, Changes)
        else [tell(row) for row in waiting.items]
        for waiting in group
    ]


def _commit(alias: str, rows: Rows, wanted: Wanted) -> tuple[Results, Changed]:
    """Store rows and make changes in one transaction.

    New rows come first, so that every process takes its locks in the same order. Raises
    DatabaseError when the transaction was not confirmed.
    """
    started = time.perf_counter()
    store, apply = copy_all, apply_all
    for attempt in range(1, ATTEMPTS + 1):
        used = connections[alias].connection
        is_in_commit = False
        try:
            with transaction.atomic(using=alias):
                results, changed = store(rows), apply(wanted)
                is_in_commit = True
        except (DatabaseError, InterfaceError) as error:
            if is_in_commit or attempt == ATTEMPTS:
                raise  # after a lost COMMIT nobody knows; a second try could store twice
            if is_of_rows(error) or is_of_order(error):
                store, apply = insert_all, apply_apart
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
