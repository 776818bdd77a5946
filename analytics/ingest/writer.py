"""Group commit: a request hands its rows over and gets them back committed.

Each process has one writer for each target, a table or a kind of change: a thread that takes
everything that is waiting, stores it in one transaction (commit.py) and wakes all whose rows were
in it. There is no timer. While one group is being committed the next one gathers, and requests
under way may still join it: an event that comes alone is written at once, and groups grow with the
load. A table that somebody has locked delays its own rows only.

Rows that nobody waits for are stored by background.py.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.util import Finalize
from typing import Any

from django.conf import settings

from analytics.ingest.commit import Target
from analytics.ingest.group_writer import GroupWriter, State, Writer
from config.api.errors import RowRefused
from config.api.outcomes import Outcome
from config.server import disk_guard, health

_factory: Callable[[Target], Writer] = GroupWriter
_writers: dict[Target, Writer] = {}  # started by the first row or change of each target
_starting = threading.Lock()


def write(target: Target, items: Sequence[Any]) -> list[Outcome]:
    """Store rows, or make changes, and return the outcome of each, after the commit.

    Rows: STORED, DUPLICATE (also of an id that comes twice), or WRITE_FAILED when the database
    refuses the row. Changes: what their stream says. Raises StorageUnavailable when the commit is
    not confirmed in time; it may still happen. Raises DiskFull while nothing is taken in.
    """
    disk_guard.require_room()
    return (_writers.get(target) or _start(target)).write(items)


def write_one(target: Target, item: Any) -> Outcome:
    """Store one row, or make one change; raises RowRefused when the database refuses it."""
    [outcome] = write(target, [item])
    if outcome is Outcome.WRITE_FAILED:
        raise RowRefused
    return outcome


def drain() -> None:
    """Wait until everything that was handed over is stored or dropped, for a bounded time."""
    for writer, seconds in _each_within(settings.WRITE_TIMEOUT_SECONDS):
        writer.drain(seconds)


def reset(factory: Callable[[Target], Writer] = GroupWriter) -> None:
    """Stop all writers; those that the next rows start are made by a factory."""
    global _factory
    for writer, seconds in _each_within(settings.WRITE_TIMEOUT_SECONDS):
        writer.stop(seconds)
    with _starting:
        _writers.clear()
        _factory = factory


def state(alias: str) -> State:
    """Return how the writers of a database stand that requests wait for; asking starts none."""
    states = [writer.state() for writer in _writers_of(alias)]
    return State(
        sum(each.waiting_rows for each in states),
        sum(each.committed_rows for each in states),
        max((each.last_commit_at for each in states if each.last_commit_at), default=None),
    )


@health.check
def are_well(alias: str) -> bool:
    """Return whether the writers of a database that have started can write."""
    return all(writer.is_well() for writer in _writers_of(alias))


def are_refusing(alias: str) -> bool:
    """Return whether a writer of a database refuses rows for a fault of its own."""
    return any(writer.is_refusing() for writer in _writers_of(alias))


def _writers_of(alias: str) -> list[Writer]:
    return [writer for target, writer in _writers.copy().items() if target.alias == alias]


def _each_within(seconds: float) -> Iterator[tuple[Writer, float]]:
    """Yield each writer, and how many seconds are left for it."""
    ends_at = time.monotonic() + seconds
    for writer in _writers.copy().values():
        yield writer, max(0.0, ends_at - time.monotonic())


def _start(target: Target) -> Writer:
    with _starting:
        if not _writers:  # unlike atexit, this also works in a worker that its server forked
            Finalize(None, drain, exitpriority=10)
        if target not in _writers:
            _writers[target] = _factory(target)
        return _writers[target]
