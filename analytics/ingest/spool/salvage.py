"""What can be read of a journal that is damaged."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from analytics.ingest.spool.journal import ASIDE, DAMAGED, Entry, Journal, entry_of

CHUNK_ENTRIES = 100
# A page that cannot be read ends each of them somewhere else.
_SCANS = (
    "SELECT n FROM entry NOT INDEXED ORDER BY n",
    "SELECT n FROM entry NOT INDEXED ORDER BY n DESC",
    "SELECT n FROM entry INDEXED BY entry_of_database",
)


def restore(journal: Journal, path: Path) -> int:
    """Write the entries of a damaged file that can be read into the journal; return their items.

    The file is kept under another name.
    """
    items = 0
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "PRAGMA writable_schema = ON"
        )  # else one that was cut is not read at all
        numbers = sorted(_numbers(connection))
        for start in range(0, len(numbers), CHUNK_ENTRIES):
            read = [_entry(connection, n) for n in numbers[start : start + CHUNK_ENTRIES]]
            whole = [entry for entry in read if entry and entry.is_whole]
            journal.restore(whole)
            items += sum(entry.recorded.items for entry in whole)
    for each in path.parent.glob(f"{path.name}*"):
        each.rename(each.with_name(each.name.replace(DAMAGED, ASIDE, 1)))
    return items


def _numbers(connection: sqlite3.Connection) -> set[int]:
    """Return the numbers of all entries that can be found."""
    found: set[int] = set()
    for scan in _SCANS:
        with suppress(sqlite3.Error):
            for (n,) in connection.execute(scan):
                found.add(n)
    return found


def _entry(connection: sqlite3.Connection, n: int) -> Entry | None:
    with suppress(sqlite3.Error, TypeError, ValueError):
        row = connection.execute("SELECT * FROM entry WHERE n = ?", (n,)).fetchone()
        return entry_of(row) if row else None
    return None
