"""What this host last knew of the main database, for processes that start while it is away.

Each worker writes what it has read into one SQLite file in VAR_DIR, every second if there is
anything new. It is a copy: whatever goes wrong with it costs nothing while the database answers.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from django.conf import settings

from config.db.cooperative import in_thread

logger = logging.getLogger(__name__)
Value = TypeVar("Value")
INTERVAL_SECONDS = 1.0
REPEAT_SECONDS = 600.0  # between two copies of what has not changed, as others may lose the file
BUSY_SECONDS = 2.0
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS known (
    kind TEXT, name TEXT, value TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
"""

Source = Callable[[], Mapping[str, Any]]  # returns what is new since the last call, by name
_sources: dict[str, tuple[Source, float]] = {}
_unsaved: dict[tuple[str, str], tuple[str, float]] = {}  # by kind and name; as JSON, and since when


def source(kind: str, *, max_age_seconds: float) -> Callable[[Source], Source]:
    """Register what returns new values of a kind; older ones are forgotten. A decorator."""

    def register(changes: Source) -> Source:
        _sources[kind] = changes, max_age_seconds
        return changes

    return register


def start() -> None:
    """Save what is new every second from now on."""
    threading.Thread(target=_run, name="last-known", daemon=True).start()


def save() -> None:
    """Save what is new, and what could not be saved before."""
    now = time.time()
    for kind, (changes, _) in _sources.items():
        for name, value in changes().items():
            _unsaved[kind, name] = msgspec.json.encode(value).decode(), now
    if not _unsaved:
        return
    rows = [(*key, *value) for key, value in _unsaved.items()]
    try:
        in_thread(_write, _path(), rows)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        logger.warning("What was last known is damaged, and is forgotten: %s", error)
        in_thread(_delete, _path())
        in_thread(_write, _path(), rows)
    _unsaved.clear()


def load(kind: str, of_type: type[Value]) -> dict[str, Value]:
    """Return the values of a kind by their names, empty when there is none or it is unreadable."""
    _, max_age_seconds = _sources[kind]
    try:
        texts = in_thread(_read, _path(), kind, time.time() - max_age_seconds)
        return {name: msgspec.json.decode(text, type=of_type) for name, text in texts.items()}
    except (sqlite3.Error, OSError, msgspec.MsgspecError, TypeError, ValueError) as error:
        logger.warning("What was last known cannot be read: %s", error)
        return {}


def _run() -> None:
    wake = threading.Event()
    failure = ""
    while not wake.wait(INTERVAL_SECONDS):
        try:
            save()
            failure = ""
        except (sqlite3.Error, OSError) as error:
            if str(error) != failure:  # not the same each second
                logger.warning("What is known cannot be saved for a restart: %s", error)
            failure = str(error)


def _path() -> Path:
    return settings.VAR_DIR / "last_known.db"


def _write(path: Path, rows: Iterable[tuple[object, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        path.chmod(0o600)
        connection.executescript(_SCHEMA)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)", rows)
        for kind, (_, max_age_seconds) in _sources.items():
            outdated = (kind, time.time() - max_age_seconds)
            connection.execute("DELETE FROM known WHERE kind = ? AND at < ?", outdated)
        connection.execute("COMMIT")


def _delete(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink(missing_ok=True)


def _read(path: Path, kind: str, since: float) -> dict[str, str]:
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        query = "SELECT name, value FROM known WHERE kind = ? AND at >= ?"
        return dict(connection.execute(query, (kind, since)).fetchall())
