"""Replay of the journal: what was spooled is stored, in order, once the database is back.

One process of the host does it, in groups that are stored as those of any writer are, beside new
rows, which do not wait for it. Rows that the database refuses go to a table of their own. An entry
leaves the journal once its rows are committed; one that was stored, and did not leave because the
process was killed, is found to be there.
"""

import fcntl
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from analytics.ingest import targets
from analytics.ingest.commit import Target
from analytics.ingest.spool import rejected, salvage, spooling, storing
from analytics.ingest.spool.journal import Entry, Journal, is_damage
from analytics.ingest.updates import Updates
from config.db import availability, deadline
from config.db.cooperative import in_thread
from config.server import disk_guard

logger = logging.getLogger(__name__)
INTERVAL_SECONDS = 1.0
RETRY_SECONDS = 10.0  # after an error that nothing foresaw, which is logged with its traceback
MAX_ITEMS = 1000  # of a group; fewer while groups fail
REST = 0.5  # of the time that a group took, before the next one: requests have it


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many items left a journal: for their tables, and for that of rejected rows."""

    stored: int = 0
    rejected: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(self.stored + other.stored, self.rejected + other.rejected)


def start() -> None:
    """Replay in this process from now on, whenever it is its turn."""
    threading.Thread(target=_run, name="spool-replay", daemon=True).start()


def replay() -> Replayed:
    """Store what is in the journal of this host."""
    return replay_from(spooling.new_journal())


def replay_from(journal: Journal) -> Replayed:
    """Store what is in a journal, as far as databases answer.

    While another process does so, this does nothing.
    """
    if not journal.folder.exists():
        return Replayed()
    try:
        with _turn(journal) as is_mine:
            if not is_mine:
                return Replayed()
            _salvage(journal)
            return sum((_drain(journal, alias) for alias in connections), Replayed())
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        in_thread(journal.put_aside)
        return Replayed()
    finally:
        journal.close()


def _run() -> None:
    wake, pause = threading.Event(), INTERVAL_SECONDS
    while not wake.wait(pause):
        pause = INTERVAL_SECONDS
        try:
            replay()
        except Exception:  # whatever it is, the rest of the journal needs this thread
            logger.exception("The journal cannot be replayed now")
            pause = RETRY_SECONDS
        for alias in connections:
            connections[alias].close()  # not worth a connection of its own


@contextmanager
def _turn(journal: Journal) -> Iterator[bool]:
    """Give whether this process is the one of the host that replays."""
    with (journal.folder / "replay.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _salvage(journal: Journal) -> None:
    """Put what can be read of damaged files into the journal."""
    for path in journal.damaged():
        items = in_thread(salvage.restore, journal, path)
        logger.error("%s was damaged: %d rows of it can be read; it is kept", path.name, items)


def _drain(journal: Journal, alias: str) -> Replayed:
    """Store what is spooled for a database until it is away, or nothing is left."""
    done, size = Replayed(), MAX_ITEMS
    while not (availability.is_away(alias) or disk_guard.is_low()):
        entries = in_thread(journal.read, alias, size)
        if not entries:
            break
        started = time.monotonic()
        try:
            with deadline.within(settings.WRITE_TIMEOUT_SECONDS):
                rejected_items = _store(entries)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Spooled rows of '%s' are not stored now: %s", alias, error)
            availability.report_failed_write(alias, error)
            if len(entries) == 1:
                return done
            size = max(1, size // 4)  # so many may have taken too long
            continue
        in_thread(journal.delete, entries)
        items = sum(entry.recorded.items for entry in entries)
        done += Replayed(max(items - rejected_items, 0), rejected_items)
        size = min(size * 2, MAX_ITEMS)
        time.sleep((time.monotonic() - started) * REST)
    if done != Replayed():
        logger.warning(
            "%d rows that were spooled for '%s' are stored, %d are rejected",
            *(done.stored, alias, done.rejected),
        )
    return done


def _store(entries: Sequence[Entry]) -> int:
    """Store the items of entries: new rows, then changes, which may be about them.

    Return how many were rejected.
    """
    items: dict[Target, list[Any]] = {}
    rejected_items = 0
    for entry in entries:
        try:
            if not entry.is_whole:
                raise targets.UnreadableItems("its checksum is wrong")
            target = targets.find(entry.recorded.target)
            items.setdefault(target, []).extend(targets.read(entry.recorded))
        except targets.UnreadableItems as error:
            logger.error("An entry of the journal cannot be read: %s", error)
            rejected.keep_unreadable(entry, str(error))
            rejected_items += max(entry.recorded.items, 1)
    for target in sorted(items, key=lambda each: isinstance(each, Updates)):
        stored = storing.store(target, items[target])
        refused = [(item, outcome) for item, outcome in stored if outcome not in storing.STORED]
        if refused:
            rejected.keep(target, refused)
            rejected_items += len(refused)
    return rejected_items
