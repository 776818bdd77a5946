"""The journal of this host: a SQLite file with what waits for a database that is away.

All processes of the host write to the one file, so that what depends on each other keeps its order,
and whoever comes after a process that was killed finds what it left. A commit is synced to the
disk. Ids make replay harmless, so an entry stays until its rows are committed.

A lock on a file beside it is held by whoever writes. A file that SQLite cannot read any more is put
aside under that lock; what can be read of it goes into the next one (salvage.py).

These functions block on the disk: workers call them by `cooperative.in_thread`.
"""

import fcntl
import os
import sqlite3
import time
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from analytics.ingest.targets import Recorded

VERSION = 1
DAMAGED, ASIDE = "damaged", "aside"  # names of files that are to be read, and that were
# Of the disk is left, to others and to replay itself:
FREE_SHARE, LEAST_FREE = 0.02, 1_000_000
COPIES = 3  # that an entry may need for a while: in the write-ahead log, and in new pages
LARGE_ENTRY = 500_000  # for which there is room where any is said to be
FOLLOWED_SECONDS = 3600.0  # for which what is stored may be followed by changes in the journal
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
SCHEMA = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS entry (
    n INTEGER PRIMARY KEY AUTOINCREMENT, database TEXT NOT NULL, at REAL NOT NULL,
    target TEXT NOT NULL, columns TEXT NOT NULL, items INTEGER NOT NULL,
    checksum INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_of_database ON entry (database, n, items, at);
CREATE TABLE IF NOT EXISTS followed (id BLOB PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
"""


class JournalFull(Exception):
    """The journal has as many bytes as it may have, or its disk is full."""


class Entry(NamedTuple):
    """Items of one target that were written together; `n` orders entries."""

    n: int
    database: str
    at: float
    recorded: Recorded
    is_whole: bool = True


class New(NamedTuple):
    """An entry to be written, with the ids that changes may be about."""

    database: str
    recorded: Recorded
    ids: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class JournalState:
    """What is in the journal, its size with all other files of the spool, and the oldest time."""

    rows: int = 0
    bytes: int = 0
    oldest_at: float | None = None
    files_aside: int = 0


class Journal:
    """A connection to the journal in a folder, which is made by the first entry."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.folder, self.path = folder, folder / "journal.db"
        self._max_bytes = max_bytes
        self._connection: sqlite3.Connection | None = None
        self._inode, self._is_ready = 0, False

    def append(self, entries: Sequence[New]) -> None:
        """Write entries in one transaction, synced to the disk; raises JournalFull or OSError."""
        size = sum(len(each.recorded.data) for each in entries)
        with self._writing() as connection:
            self._require_room(size, connection)
            connection.executemany(
                "INSERT INTO entry (database, at, target, columns, items, checksum, data) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(each.database, time.time(), *_columns_of(each.recorded)) for each in entries],
            )
            ids = [(id.bytes, time.time()) for each in entries for id in each.ids]
            connection.executemany("INSERT OR REPLACE INTO followed VALUES (?, ?)", ids)

    def restore(self, entries: Sequence[Entry]) -> None:
        """Write entries of a file that was put aside, before all that are newer."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(each.n, each.database, each.at, *_columns_of(each.recorded)) for each in entries],
            )

    def read(self, database: str, items: int) -> list[Entry]:
        """Return the oldest entries of a database, of about so many items."""
        found: list[Entry] = []
        if not self.path.exists():
            return found
        with self._writing() as connection:
            rows = connection.execute(
                "SELECT * FROM entry WHERE database = ? ORDER BY n LIMIT ?", (database, items)
            )
            for row in rows:
                found.append(entry_of(row))
                items -= found[-1].recorded.items
                if items <= 0:
                    break
        return found

    def delete(self, entries: Collection[Entry]) -> None:
        """Forget entries whose rows are stored; an empty journal gives its room back."""
        with self._writing() as connection:
            numbers = [(each.n,) for each in entries]
            connection.executemany("DELETE FROM entry WHERE n = ?", numbers)
        with self._locked():
            connection = self._connected()
            if not connection.execute("SELECT EXISTS (SELECT 1 FROM entry)").fetchone()[0]:
                forgotten = (time.time() - FOLLOWED_SECONDS,)
                connection.execute("DELETE FROM followed WHERE at < ?", forgotten)
                connection.executescript("PRAGMA incremental_vacuum")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def followed(self, ids: Collection[UUID]) -> set[UUID]:
        """Return which of some ids changes in the journal may be about."""
        if not self.path.exists():
            return set()
        with self._writing() as connection:
            query = "SELECT EXISTS (SELECT 1 FROM followed WHERE id = ?)"
            return {id for id in ids if connection.execute(query, (id.bytes,)).fetchone()[0]}

    def state(self) -> JournalState:
        """Return what is in the journal; this waits for nobody."""
        files = self._files()
        aside = sum(path.suffix == ".db" and path != self.path for path in files)
        rows, oldest_at = 0, None
        if self.path in files:
            with closing(sqlite3.connect(self.path, timeout=1)) as connection:
                # Of a damaged entry, items may be anything.
                query = "SELECT sum(max(CAST(items AS INT), 1)), min(CAST(at AS REAL)) FROM entry"
                rows, oldest_at = connection.execute(query).fetchone()
        return JournalState(rows or 0, _size(files) if rows or aside else 0, oldest_at, aside)

    def has_room(self) -> bool:
        """Return whether another entry may be written now."""
        try:
            self._make_folder()
            self._require_room(LARGE_ENTRY, None)
        except (JournalFull, OSError):
            return False
        return os.access(self.folder, os.W_OK)

    def put_aside(self) -> None:
        """Put a file that cannot be read aside, so that the next entry makes a new one."""
        with self._locked():
            if self._connection is None or not self._is_current():
                return  # another process did
            self.close()
            name = f"{DAMAGED}-{time.time_ns()}.db"
            for suffix in ("", "-wal"):
                path = self.path.with_name(self.path.name + suffix)
                if path.exists():
                    path.rename(self.folder / (name + suffix))
            self.path.with_name(f"{self.path.name}-shm").unlink(missing_ok=True)

    def damaged(self) -> list[Path]:
        """Return the files that were put aside and are still to be read, the oldest first."""
        return sorted(self.folder.glob(f"{DAMAGED}-*.db"))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Run a block in a transaction, which no other process is in."""
        with self._locked():
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._make_folder()
        with (self.folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
            yield

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._is_ready and self._is_current():
            return self._connection
        self.close()
        self._is_ready = False  # until all is made, which may fail on a full disk
        self.path.touch(mode=0o600)
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._connection, self._inode = connection, self.path.stat().st_ino
        connection.text_factory = lambda text: text.decode(errors="replace")
        connection.execute("PRAGMA synchronous = FULL")
        if connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:
            connection.executescript(SCHEMA)
            # Entries of a file that was put aside come before those of the next one.
            first = (time.time_ns() // 1000,)
            connection.execute("INSERT INTO sqlite_sequence VALUES ('entry', ?)", first)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            sync(self.folder)
        self._is_ready = True
        return connection

    def _is_current(self) -> bool:
        """Return whether the file that is open is still the journal."""
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _require_room(self, size: int, connection: sqlite3.Connection | None) -> None:
        total = size + _size(self._files())
        if connection and total > self._max_bytes:  # what was stored by now left room in the file
            [free] = connection.execute("PRAGMA freelist_count").fetchone()
            [page] = connection.execute("PRAGMA page_size").fetchone()
            total -= free * page
        if total > self._max_bytes:
            raise JournalFull(f"it has {self._max_bytes} bytes")
        disk = os.statvfs(self.folder)
        reserve = max(disk.f_blocks * disk.f_frsize * FREE_SHARE, LEAST_FREE)
        if disk.f_bavail * disk.f_frsize < reserve + COPIES * size:
            raise JournalFull("its disk is full")

    def _files(self) -> list[Path]:
        return list(self.folder.glob("*.db*"))


def entry_of(row: tuple) -> Entry:  # type: ignore[type-arg]
    """Return an entry as it was read; in a damaged one each column may be of any type."""
    n, database, at, target, columns, items, checksum, data = row
    recorded = Recorded(
        str(target),
        str(columns),
        items if isinstance(items, int) else 1,
        data if isinstance(data, bytes) else str(data).encode(),
    )
    return Entry(n, database, at, recorded, checksum == _checksum(recorded))


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error says that a file cannot be read."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in DAMAGE


def sync(folder: Path) -> None:
    """Let new names in a folder outlive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _columns_of(recorded: Recorded) -> tuple[object, ...]:
    return (*recorded[:3], _checksum(recorded), recorded.data)


def _checksum(recorded: Recorded) -> int:
    return zlib.crc32(recorded.data, zlib.crc32(f"{recorded.target} {recorded.columns}".encode()))


def _size(files: Collection[Path]) -> int:
    total = 0
    for path in files:
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # it was drained just now
            continue
    return total
