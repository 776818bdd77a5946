"""Whether a file is a journal of this version, before anything is written to it"""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from analytics.ingest.spool.journal import SCHEMA, VERSION

_TABLES = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"


class NoJournal(Exception):
    """A file is a database of something else, or a journal that cannot be stored here."""


def require_journal(path: Path, databases: Collection[str]) -> None:
    """Check that a file is a journal, and that all its rows are for some databases.

    Raises NoJournal; and sqlite3.DatabaseError for a file that is damaged.
    """
    with closing(sqlite3.connect(path, timeout=1)) as connection:
        [version] = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise NoJournal("It is of a newer version of Millrace")
        tables = set(connection.execute(_TABLES))
        if not tables <= _own_tables():  # one that was begun on a full disk has not all of them
            raise NoJournal("It is a database of something else")
        if not any(name == "entry" for _, name, _ in tables):
            raise NoJournal("Nothing was ever written to it")
        targets = connection.execute("SELECT DISTINCT database FROM entry").fetchall()
        if others := sorted({str(name) for (name,) in targets} - {*databases}):
            raise NoJournal(f"It has rows for databases that there are not: {', '.join(others)}")


def _own_tables() -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        return set(connection.execute(_TABLES))
