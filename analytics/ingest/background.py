"""Rows that nobody waits for: made and stored in groups, beside the requests.

Each kind has a thread, a connection and a bounded queue of its own: neither a lock on its table nor
a failure may delay requests. What it costs to make a row is paid there too.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import Any, Protocol

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from analytics.ingest import commit
from analytics.ingest.bulk_copy import Row, Table
from config.api.outcomes import Outcome
from config.db import deadline
from config.server import disk_guard

logger = logging.getLogger(__name__)

MAX_GROUP_ROWS = 500  # in a COPY of which each row takes a third less time than in one of 100
SLICE_ROWS = 50  # made at a time, between which requests go on
MAX_WAITING_ITEMS = 10_000  # beyond them none is taken
PAUSE_SECONDS = 0.2  # before a group, so that there are few
LOOKUP_SECONDS = 0.5  # that the rows of a group may wait for databases


@dataclass(frozen=True, slots=True, eq=False)
class Sink:
    """Where items of one kind go.

    make_row: returns the row of an item, None where there is to be none; may raise.
    on_drop: called with each item whose row is not stored; must not raise.
    """

    table: Table
    make_row: Callable[[Any], Row | None]
    on_drop: Callable[[Any], None]


class Background(Protocol):
    """Stores items of one sink, some time later."""

    def put(self, item: Any) -> None:
        """Take an item, or drop it."""

    def drain(self, seconds: float) -> None:
        """Wait until all that was taken is stored or dropped, at most so long."""

    def stop(self, seconds: float) -> None:
        """Drain, then let go of thread and connection."""


class BackgroundWriter:
    """A thread that stores what is waiting, one group after another."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting: deque[Any] = deque()
        self._wake = threading.Event()
        self._is_busy = self._is_stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self._run, name=f"background-{sink.table.alias}", daemon=True
        )
        self._thread.start()

    def put(self, item: Any) -> None:
        """Queue an item unless the queue is full."""
        if len(self._waiting) >= MAX_WAITING_ITEMS:
            self._sink.on_drop(item)
            return
        self._waiting.append(item)
        if not self._wake.is_set():  # asking costs a tenth of setting
            self._wake.set()

    def drain(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._is_busy, seconds)

    def stop(self, seconds: float) -> None:
        self.drain(seconds)
        self._is_stopped = True
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if self._is_stopped:
                break
            self._is_busy = True
            time.sleep(PAUSE_SECONDS)
            self._wake.clear()
            while group := self._next_group():
                try:
                    store(self._sink, group)
                except BaseException:  # whatever it is, rows to come need this thread
                    logger.exception("Rows lost")
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
        connections.close_all()

    def _next_group(self) -> list[Any]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_GROUP_ROWS))]


def store(sink: Sink, items: Sequence[Any]) -> None:
    """Make the rows of some items and store them; whatever goes wrong drops items."""
    with deadline.within(LOOKUP_SECONDS):
        made = list(_made(sink, items))
    rows = [(item, row) for item, row in made if row is not None]
    if rows:
        for (item, _), outcome in zip(rows, _outcomes(sink, [row for _, row in rows]), strict=True):
            if outcome is Outcome.WRITE_FAILED:
                sink.on_drop(item)


def _made(sink: Sink, items: Sequence[Any]) -> Iterator[tuple[Any, Row | None]]:
    """Yield items with their rows, letting requests go on now and then."""
    for number, item in enumerate(items):
        if number and number % SLICE_ROWS == 0:
            time.sleep(0)
        yield item, _row_of(sink, item)


def _row_of(sink: Sink, item: Any) -> Row | None:
    try:
        return sink.make_row(item)
    except (DatabaseError, InterfaceError):
        sink.on_drop(item)
    except Exception:
        logger.exception("A row of %s could not be made", sink.table.model._meta.verbose_name)
        sink.on_drop(item)
    return None


def _outcomes(sink: Sink, rows: Sequence[Row]) -> list[Outcome]:
    try:
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS):
            started = time.perf_counter()
            [outcomes] = commit.store_group(sink.table, [rows])
            commit.observe([rows], time.perf_counter() - started)
    except (DatabaseError, InterfaceError):
        return [Outcome.WRITE_FAILED] * len(rows)
    except Exception:
        logger.exception("Rows not stored")
        return [Outcome.WRITE_FAILED] * len(rows)
    return outcomes


_factory: Callable[[Sink], Background] = BackgroundWriter
_writers: dict[Sink, Background] = {}  # started by the first item of each sink
_starting = threading.Lock()


def put(sink: Sink, item: Any) -> None:
    """Store the row of an item some time soon, waiting for nothing.

    What is queued when the process stops is stored before it ends. On a full disk it is dropped.
    """
    if disk_guard.is_low():
        sink.on_drop(item)
    else:
        (_writers.get(sink) or _start(sink)).put(item)


def drain() -> None:
    """Wait until everything that was put is stored or dropped, for a bounded time."""
    for writer in _writers.values():
        writer.drain(settings.WRITE_TIMEOUT_SECONDS)


def reset(factory: Callable[[Sink], Background] = BackgroundWriter) -> None:
    """Stop all writers; those that the next items start are made by a factory."""
    global _factory
    for writer in _writers.values():
        writer.stop(settings.WRITE_TIMEOUT_SECONDS)
    with _starting:
        _writers.clear()
        _factory = factory


def _start(sink: Sink) -> Background:
    with _starting:
        if not _writers:  # unlike atexit, this also works in a worker that its server forked
            Finalize(None, drain, exitpriority=10)
        if sink not in _writers:
            _writers[sink] = _factory(sink)
        return _writers[sink]
