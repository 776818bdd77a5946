"""What a database that is away cannot take is spooled: written to the journal of this host.

Requests that come at the same time share one transaction of the journal: whoever gets the lock
writes what all others have handed over by then.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from cachetools import TTLCache
from django.conf import settings

from analytics.ingest import targets
from analytics.ingest.commit import Target
from analytics.ingest.spool.journal import (
    FOLLOWED_SECONDS,
    Journal,
    JournalFull,
    JournalState,
    New,
    is_damage,
)
from analytics.ingest.targets import Recorded
from analytics.ingest.updates import Change, Updates
from config.api.errors import StorageUnavailable
from config.api.outcomes import Outcome
from config.db.cooperative import in_thread
from config.server import disk_guard

logger = logging.getLogger(__name__)
MAX_ENTRY_ITEMS = 500
MAX_FOLLOWED = 50_000  # ids that this process remembers
WARNING_SECONDS = 10.0  # between two warnings that nothing can be spooled


class _Part(NamedTuple):
    """Items of one target from one request, which are written together or not at all.

    ids: what changes may be about. subject_id: what a change is about.
    """

    database: str
    recorded: Recorded
    ids: Sequence[UUID]
    subject_id: UUID | None = None


class _HandedOver:
    """What one request handed over, and its outcomes once they are known."""

    __slots__ = ("error", "known", "outcomes", "parts")

    def __init__(self, parts: Sequence[_Part]) -> None:
        self.parts = parts
        with _following:  # which no other thread may ask
            self.known = {part.subject_id for part in parts if part.subject_id in _followed}
        self.outcomes: list[Outcome] = []  # of the parts
        self.error: Exception | None = None


_waiting: deque[_HandedOver] = deque()
_writing = threading.Lock()
_journal: Journal | None = None
# Ids of sessions and page views that were answered within the hour.
_followed: TTLCache[UUID, bool] = TTLCache(
    MAX_FOLLOWED, FOLLOWED_SECONDS, timer=lambda: time.monotonic()
)
_following = threading.Lock()  # a TTLCache is not safe for threads
_warns_again_at = float("-inf")


def append(target: Target, items: Sequence[Any]) -> list[Outcome]:
    """Write items to the journal; return their outcomes once they are synced to the disk.

    SPOOLED, or WRITE_FAILED of a change of what this host does not know. Raises StorageUnavailable
    when the journal takes nothing.
    """
    disk_guard.require_room()
    if not items or not settings.SPOOL_BYTES:
        raise StorageUnavailable
    try:
        mine = _HandedOver(_parts(target, items))
    except UnicodeError as error:
        raise StorageUnavailable from error
    _waiting.append(mine)
    with _writing:
        if not mine.outcomes and mine.error is None:
            _write_waiting()
    if mine.error:
        raise StorageUnavailable from mine.error
    return mine.outcomes if isinstance(target, Updates) else [Outcome.SPOOLED] * len(items)


def remember(ids: Iterable[UUID]) -> None:
    """Let changes of what was stored be spooled for an hour."""
    with _following:
        _followed.update((id, True) for id in ids)


def holds(id: UUID) -> bool:
    """Return whether the journal holds what has an id, or held it within the hour."""
    try:
        return bool(settings.SPOOL_BYTES and in_thread(new_journal().followed, [id]))
    except (sqlite3.Error, OSError) as error:
        _warn(error)
        return False


def state() -> JournalState:
    """Return what is in the journal; raises sqlite3.Error or OSError when it cannot be read."""
    return in_thread(new_journal().state)


def has_room() -> bool:
    if disk_guard.is_low():
        return False
    return bool(settings.SPOOL_BYTES) and in_thread(new_journal().has_room)


def new_journal() -> Journal:
    """Return a connection of its own to the journal of this host."""
    return Journal(settings.VAR_DIR / "spool", max_bytes=settings.SPOOL_BYTES)


def reset() -> None:
    """Forget all that is in memory, as in a new process."""
    global _journal, _warns_again_at
    if _journal:
        _journal.close()
    _journal, _warns_again_at = None, float("-inf")
    _followed.clear()


def _parts(target: Target, items: Sequence[Any]) -> list[_Part]:
    if isinstance(target, Updates):
        return [
            _Part(target.alias, targets.record(target, [change]), _ids(change), change.subject_id)
            for change in items
        ]
    return [
        _Part(
            table.alias,
            targets.record(table, rows),
            [row[0] for row in rows] if table.has_followers else [],
        )
        for table, rows in target.split(items)
    ]


def _ids(change: Change) -> list[UUID]:
    return [change.new_id] if change.new_id else []


def _write_waiting() -> None:
    """Write what all requests have handed over by now, and set the outcomes."""
    global _journal
    group = [_waiting.popleft() for _ in range(len(_waiting))]
    _journal = _journal or new_journal()
    try:
        if in_thread(_write, _journal, group):
            logger.error("The journal in %s was damaged, and is put aside", _journal.folder)
    except BaseException as error:
        for each in group:
            each.error = error if isinstance(error, Exception) else StorageUnavailable()
        if not isinstance(error, JournalFull | sqlite3.Error | OSError):
            raise
        _warn(error)


def _write(journal: Journal, group: Sequence[_HandedOver]) -> bool:
    """Write what was handed over; return whether the journal was damaged until now."""
    try:
        journal.append(_accepted(journal, group))
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        journal.put_aside()
        journal.append(_accepted(journal, group))
        return True
    return False


def _accepted(journal: Journal, group: Sequence[_HandedOver]) -> list[New]:
    """Set the outcomes of a group; return the entries to be written, changes after new rows."""
    known = {id for each in group for id in each.known}
    asked = {part.subject_id for each in group for part in each.parts if part.subject_id}
    known |= journal.followed(asked - known) if asked - known else set()
    accepted: list[_Part] = []
    for each in group:
        each.outcomes = []
        for part in each.parts:
            is_known = part.subject_id is None or part.subject_id in known
            each.outcomes.append(Outcome.SPOOLED if is_known else Outcome.WRITE_FAILED)
            if is_known:
                known.update(part.ids)
                accepted.append(part)
    return _entries(sorted(accepted, key=lambda part: part.subject_id is not None))


def _entries(parts: Sequence[_Part]) -> list[New]:
    """Return entries of parts, each of one target and not too long."""
    by_target: dict[str, list[list[_Part]]] = {}
    for part in parts:
        of_target = by_target.setdefault(part.recorded.target, [[]])
        if sum(each.recorded.items for each in of_target[-1]) >= MAX_ENTRY_ITEMS:
            of_target.append([])
        of_target[-1].append(part)
    return [_joined(some) for of_target in by_target.values() for some in of_target]


def _joined(parts: Sequence[_Part]) -> New:
    """Return one entry of the items of one target."""
    first = parts[0]
    data = b"[" + b",".join(part.recorded.data[1:-1] for part in parts) + b"]"
    items = sum(part.recorded.items for part in parts)
    recorded = Recorded(first.recorded.target, first.recorded.columns, items, data)
    return New(first.database, recorded, [id for part in parts for id in part.ids])


def _warn(error: Exception) -> None:
    """Log that nothing can be spooled, but not for each request."""
    global _warns_again_at
    if time.monotonic() >= _warns_again_at:
        _warns_again_at = time.monotonic() + WARNING_SECONDS
        logger.error("Nothing can be spooled now: %s", error)
