"""A table on disk for what a source has in several files, by keys"""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import msgspec

CACHE_KIB = 65_536
Values = dict[str, str]


class Scratch:
    """Rows by their keys, of which several rows may have the same one; in the order they came."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE entry (kind TEXT, key TEXT, data BLOB)")

    def add(self, kind: str, rows: Iterable[tuple[str, Values]]) -> None:
        """Store rows, each with its key."""
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO entry VALUES (?, ?, ?)",
            ((kind, key, msgspec.json.encode(values)) for key, values in rows),
        )
        self._database.execute("COMMIT")

    def index(self) -> None:
        """Make rows quick to find, once all are there."""
        self._database.execute("CREATE INDEX entry_key ON entry (key, kind)")

    def find(self, kind: str, key: str, *, most: int = -1) -> list[Values]:
        """Return the rows of a key, at most so many."""
        rows = self._database.execute(
            "SELECT data FROM entry WHERE key = ? AND kind = ? ORDER BY rowid LIMIT ?",
            (key, kind, most),
        )
        return [_decode(data) for (data,) in rows]

    def size_of(self, key: str) -> tuple[int, int]:
        """Return how many rows of all kinds a key has, and of how many bytes."""
        size = "SELECT count(*), coalesce(sum(length(data)), 0) FROM entry WHERE key = ?"
        rows, bytes = self._database.execute(size, (key,)).fetchone()
        return rows, bytes

    def distinct_keys(self) -> Iterator[str]:
        """Yield each key once, in ascending order."""
        for (key,) in self._database.execute("SELECT DISTINCT key FROM entry ORDER BY key"):
            yield key

    def close(self) -> None:
        self._database.close()


class SeenIds:
    """Ids that came already, on disk beyond some megabytes."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # a temporary file
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (id BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, ids: Iterable[UUID]) -> list[bool]:
        """Remember ids; return of each whether it is new."""
        self._database.execute("BEGIN")
        insert = "INSERT OR IGNORE INTO seen VALUES (?)"
        added = [self._database.execute(insert, (id.bytes,)).rowcount == 1 for id in ids]
        self._database.execute("COMMIT")
        return added


@contextmanager
def scratch() -> Iterator[Scratch]:
    """Open an empty table, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="millrace-import-") as directory:
        table = Scratch(Path(directory, "scratch"))
        try:
            yield table
        finally:
            table.close()


_decode = msgspec.json.Decoder(Values).decode
