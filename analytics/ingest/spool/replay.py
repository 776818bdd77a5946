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
from typing import Any

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


def start() -> None:
    """Replay in this process from now on, whenever it is its turn."""
    threading.Thread(target=_run, name="spool-replay", daemon=True).start()


def replay() -> int:
    """Store what is in the journal of this host; return the number of items."""
    return replay_from(spooling.new_journal())


def replay_from(journal: Journal) -> int:
    """Store what is in a journal, as far as databases answer; return the number of items.

    While another process does so, this does nothing.
    """
    if not journal.folder.exists():
        return 0
    try:
        with _turn(journal) as is_mine:
            if not is_mine:
                return 0
            _salvage(journal)
            return sum(_drain(journal, alias) for alias in connections)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        in_thread(journal.put_aside)
        return 0
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
    with (journal.folder / "replay.lock").open("w") as file:
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


def _drain(journal: Journal, alias: str) -> int:
    """Store what is spooled for a database until it is away, or nothing is left."""
    stored, size = 0, MAX_ITEMS
    while not (availability.is_away(alias) or disk_guard.is_low()):
        entries = in_thread(journal.read, alias, size)
        if not entries:
            break
        started = time.monotonic()
        try:
            with deadline.within(settings.WRITE_TIMEOUT_SECONDS):
                _store(entries)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Spooled rows of '%s' are not stored now: %s", alias, error)
            availability.report_failed_write(alias, error)
            if len(entries) == 1:
                return stored
            size = max(1, size // 4)  # so many may have taken too long
            continue
        in_thread(journal.delete, entries)
        items = sum(entry.recorded.items for entry in entries)
        stored, size = stored + items, min(size * 2, MAX_ITEMS)
        time.sleep((time.monotonic() - started) * REST)
    if stored:
        logger.warning("%d rows that were spooled for '%s' are stored", stored, alias)
    return stored


def _store(entries: Sequence[Entry]) -> None:
    """Store the items of entries: new rows, then changes, which may be about them."""
    items: dict[Target, list[Any]] = {}
    for entry in entries:
        try:
            if not entry.is_whole:
                raise targets.UnreadableItems("its checksum is wrong")
            target = targets.find(entry.recorded.target)
            items.setdefault(target, []).extend(targets.read(entry.recorded))
        except targets.UnreadableItems as error:
            logger.error("An entry of the journal cannot be read: %s", error)
            rejected.keep_unreadable(entry, str(error))
    for target in sorted(items, key=lambda each: isinstance(each, Updates)):
        stored = storing.store(target, items[target])
        refused = [(item, outcome) for item, outcome in stored if outcome not in storing.STORED]
        if refused:
            rejected.keep(target, refused)
