"""Changes of tables in use, which request their locks briefly and often.

While a lock is awaited, all who come later wait behind it: hence a short timeout, after which the
transaction is rolled back, and pauses between the attempts.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from django.db import DatabaseError, OperationalError
from psycopg import sql
from psycopg.errors import LockNotAvailable

from analytics.ingest.bulk_copy import is_serialization_failure
from config.db import deadline

LOCK_MS = 50
ATTEMPTS = 40
PAUSE_SECONDS = 0.5
NONE: Mapping[str, sql.Composable] = {}


class TableInUse(Exception):
    """Others have used a table without a pause, so that nothing could be changed."""


class TooBusy(Exception):
    """Others change more than a short transaction can follow, for now."""


Names = Mapping[str, sql.Composable]


class Execute(Protocol):
    """Executes a statement that has names in braces; returns its rows."""

    def __call__(
        self, statement: str, values: Sequence[Any] | None = None, *, names: Names = ...
    ) -> list[tuple[Any, ...]]: ...


class TableChanges:
    """Transactions that change a table, whose statements may name some identifiers in braces."""

    def __init__(self, alias: str, **names: str) -> None:
        self._alias, self._table = alias, names["table"]
        self._names = {key: sql.Identifier(name) for key, name in names.items()}

    @contextmanager
    def transaction(self, lock_ms: int = LOCK_MS) -> Iterator[Execute]:
        """Run a block as a transaction that waits so long for each lock."""
        with deadline.long_transaction(self._alias) as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {lock_ms}")
            # The commit waits for no disk with the locks in hand: whatever is stored after it
            # reaches the disk after it.
            cursor.execute("SET LOCAL synchronous_commit = off")

            def execute(
                statement: str, values: Sequence[Any] | None = None, *, names: Names = NONE
            ) -> list[tuple[Any, ...]]:
                text = sql.SQL(statement).format(**self._names, **names)
                cursor.execute(text.as_string(), values)
                return cursor.fetchall() if cursor.description else []

            yield execute

    def run(self, *statements: str, names: Names = NONE, lock_ms: int = LOCK_MS) -> None:
        """Execute statements in one transaction; raises TableInUse after many attempts."""

        def transaction() -> None:
            with self.transaction(lock_ms) as execute:
                for statement in statements:
                    execute(statement, names=names)

        self.try_often(transaction)

    def try_often(self, transaction: Callable[[], object]) -> None:
        """Run a transaction until nobody is in its way; raises TableInUse after many attempts."""
        if not try_often(transaction, attempts=ATTEMPTS, pause_seconds=PAUSE_SECONDS):
            raise TableInUse(
                f"{self._table} is in use without a pause; run it again in a quieter hour."
            )


def try_often(transaction: Callable[[], object], *, attempts: int, pause_seconds: float) -> bool:
    """Run a transaction until nobody is in its way; return whether that came about."""
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause_seconds)
        try:
            transaction()
        except TooBusy:
            continue
        except OperationalError as error:
            if not is_contention(error):
                raise
        else:
            return True
    return False


def is_contention(error: DatabaseError) -> bool:
    """Return whether others held a lock or changed the same rows."""
    return isinstance(error.__cause__, LockNotAvailable) or is_serialization_failure(error)
