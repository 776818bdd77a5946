"""A thread that stores what many requests hand over in one transaction after another."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from prometheus_client import Gauge

from analytics.ingest import commit
from analytics.ingest.bulk_copy import is_connection_unusable
from analytics.ingest.commit import Target
from analytics.ingest.spool import spooling
from config.api.errors import StorageUnavailable
from config.api.outcomes import Outcome
from config.db import availability, cooperative, deadline, pool, uuid7

logger = logging.getLogger(__name__)

MAX_GROUP_ROWS = 10_000
GATHER_SECONDS = 0.01  # at most, for what requests under way are about to hand over
POLL_SECONDS = 0.005  # of those who wait for a writer to end
LONG_WAIT = 0.9  # of the time limit, since timers may be early
PAUSE_SECONDS = 0.1  # after an error that nothing foresaw, which may come again at once

WAITING_ROWS = Gauge(
    "millrace_write_waiting_rows",
    "Rows and changes that wait for their commit.",
    ["database", "target"],
    multiprocess_mode="livesum",
)


@dataclass(frozen=True, slots=True)
class State:
    """What writers have still to write, and what they have committed since they started."""

    waiting_rows: int = 0
    committed_rows: int = 0
    last_commit_at: datetime | None = None


class Writer(Protocol):
    """Stores rows or changes of one target durably."""

    def write(self, items: Sequence[Any]) -> list[Outcome]:
        """Return, after the commit, the outcome of each item, or raise StorageUnavailable."""

    def drain(self, seconds: float) -> None:
        """Wait until everything that was handed over is stored or dropped, at most so long."""

    def stop(self, seconds: float) -> None:
        """Drain, then let go of the thread and its connection, within so many seconds."""

    def state(self) -> State:
        """Return how the writer stands."""

    def is_well(self) -> bool:
        """Return whether the last group was committed, or an empty one can be now."""

    def is_refusing(self) -> bool:
        """Return whether the last group failed for a fault that is not the database's."""


class _Waiting:
    """What one request handed over, and its outcomes once `done` is released.

    A bare lock wakes its thread once; a Future, an Event or a Condition would wake it to wait for
    a lock of their own that the waking thread still holds.
    """

    __slots__ = ("done", "is_refused", "items", "outcomes")

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = items
        self.outcomes: list[Outcome] | None = None  # None: not known to be committed
        self.is_refused = False  # for a fault that another try would not mend
        self.done = threading.Lock()
        self.done.acquire()


class GroupWriter:
    """The writer of one target, a thread with a connection of its own.

    Only operations of a deque and assignments pass between the threads, each of which is atomic.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._waiting: deque[_Waiting] = deque()
        self._waiting_gauge = WAITING_ROWS.labels(target.alias, target.name)
        self._committed_rows = 0
        self._last_commit_at: datetime | None = None
        self._has_failed = self._is_refusing = self._is_writing = self._is_stopped = False
        self._is_idle = False  # then `_wake` must be released for what comes
        self._wake = threading.Lock()
        self._wake.acquire()
        self._thread = threading.Thread(target=self._run, name=f"writer-{target.name}", daemon=True)
        self._thread.start()

    def write(self, items: Sequence[Any]) -> list[Outcome]:
        """Hand items over and wait for their commit, at most WRITE_TIMEOUT_SECONDS.

        Those of which it is not known are spooled, and so are all while the database is away.
        """
        pool.give_back()  # others may use the connections of this request while it waits
        if availability.is_away(self._target.alias):
            return spooling.append(self._target, items)
        waiting = _Waiting(items)
        left = deadline.remaining()
        self._waiting.append(waiting)
        self._rouse()
        self._waiting_gauge.inc(len(items))
        try:
            with deadline.waiting():
                waiting.done.acquire(
                    timeout=settings.WRITE_TIMEOUT_SECONDS if left is None else left
                )
        finally:
            if waiting.outcomes is None:
                self._withdraw(waiting)
        if waiting.outcomes is not None:
            return waiting.outcomes
        if waiting.is_refused:
            raise StorageUnavailable
        return spooling.append(self._target, items)

    def drain(self, seconds: float) -> None:
        """Wait until no group is waiting or being written."""
        ends_at = time.monotonic() + seconds
        while (self._waiting or self._is_writing) and time.monotonic() < ends_at:
            time.sleep(POLL_SECONDS)

    def stop(self, seconds: float) -> None:
        """Drain, then end the thread, which closes its connection."""
        ends_at = time.monotonic() + seconds
        self.drain(seconds)
        self._is_stopped = True
        self._rouse()
        self._thread.join(max(0.0, ends_at - time.monotonic()))

    def state(self) -> State:
        rows = sum(len(waiting.items) for waiting in self._waiting.copy())
        return State(rows, self._committed_rows, self._last_commit_at)

    def is_well(self) -> bool:
        if self._has_failed:
            with suppress(StorageUnavailable):
                self.write([])
        return self._thread.is_alive() and not self._has_failed

    def is_refusing(self) -> bool:
        return self._is_refusing or not self._thread.is_alive()

    def _rouse(self) -> None:
        """Wake the thread unless it is at work, and so will look for more by itself."""
        if self._is_idle:
            self._is_idle = False
            with suppress(RuntimeError):  # another request woke it at the same moment
                self._wake.release()

    def _withdraw(self, waiting: _Waiting) -> None:
        """Take back items that no group has taken yet; others may still be committed."""
        with suppress(ValueError):
            self._waiting.remove(waiting)
            self._waiting_gauge.dec(len(waiting.items))

    def _run(self) -> None:
        while self._waiting or not self._is_stopped:
            try:
                self._wait()
                cooperative.let_others_run(GATHER_SECONDS)  # half as many groups cost less
                self._write_next_group()
            except BaseException:  # whatever it is, requests to come need this thread
                logger.exception("The writer of %s goes on after an error", self._target.name)
                self._has_failed = self._is_refusing = True
                time.sleep(PAUSE_SECONDS)
        self._is_writing = False
        connections[self._target.alias].close()

    def _wait(self) -> None:
        """Wait until something is there, or the writer is stopped."""
        while not self._waiting and not self._is_stopped:
            self._is_writing = False
            self._is_idle = True
            if not self._waiting and not self._is_stopped:  # nor has come before it was idle
                self._wake.acquire()
        self._is_idle, self._is_writing = False, True

    def _write_next_group(self) -> None:
        """Take what is waiting, commit it and wake who waits for it."""
        group: list[_Waiting] = []
        rows = 0
        with suppress(IndexError):  # it was withdrawn
            while self._waiting and rows < MAX_GROUP_ROWS:
                group.append(self._waiting.popleft())
                rows += len(group[-1].items)
        if not group:
            return
        try:
            seconds = self._store(group)
        finally:
            for waiting in group:
                waiting.done.release()
            self._waiting_gauge.dec(rows)
        if seconds is not None:
            self._count(group, seconds)

    def _store(self, group: Sequence[_Waiting]) -> float | None:
        """Commit a group and set the outcomes; return how long it took, None if it failed."""
        items = [waiting.items for waiting in group]
        started = time.perf_counter()
        try:
            with deadline.within(settings.WRITE_TIMEOUT_SECONDS):  # nobody waits longer
                outcomes = commit.store_group(self._target, items)
        except (OperationalError, InterfaceError) as error:
            self._fail(error, time.perf_counter() - started)
            return None
        except Exception as error:
            is_away = is_connection_unusable(error)
            logger.warning("Rows not stored: %s", error, exc_info=None if is_away else error)
            self._has_failed, self._is_refusing = True, not is_away
            for waiting in group:
                waiting.is_refused = not is_away
            return None
        for waiting, each in zip(group, outcomes, strict=True):
            waiting.outcomes = each
        self._has_failed = self._is_refusing = False
        return time.perf_counter() - started

    def _fail(self, error: Exception, waited: float) -> None:
        """Note that a group is not known to be committed; the database may be away."""
        logger.warning("Rows not stored: %s", error)
        # One that waited in vain waited for a lock, or for a server that is asked besides.
        self._has_failed = waited < settings.WRITE_TIMEOUT_SECONDS * LONG_WAIT
        availability.report_failed_write(self._target.alias, error)

    def _count(self, group: Sequence[_Waiting], seconds: float) -> None:
        items = [waiting.items for waiting in group]
        outcomes = [waiting.outcomes or [] for waiting in group]
        if any(items):
            self._committed_rows += commit.count_new_rows(self._target, items, outcomes)
            self._last_commit_at = uuid7.now()
            commit.observe(items, seconds)
