"""One transaction for a group: what many requests handed to one target, stored together.

No transaction touches two targets, so that a lock on one table delays no rows of another, but for
those that are handed over beside them. Within one, locks are taken in the same order in every
process: new rows by their ids, then what `on_new_rows` counts.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import chain, islice
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.db.transaction import Atomic
from prometheus_client import Histogram

from analytics.ingest import insert_together
from analytics.ingest.bulk_copy import (
    Parts,
    Row,
    Table,
    copy_rows,
    insert_ignoring_duplicates,
    is_connection_unusable,
    is_row_error,
    is_serialization_failure,
)
from analytics.ingest.updates import Updates, apply_bisecting
from config.api.outcomes import Outcome
from config.db import deadline

ATTEMPTS = 3
YIELD_SECONDS = 0.02  # that the other one of a deadlock gets
GROUP_ROWS = Histogram(
    "millrace_write_group_rows",
    "Rows and changes that one transaction wrote.",
    buckets=[1, 2, 5, 10, 20, 50, 100, 1_000, 10_000],
)
GROUP_SECONDS = Histogram("millrace_write_seconds", "Time that one transaction of rows took.")

Target = Table | Updates
Store = Callable[[], list[Outcome]]


def store_group(target: Target, group: Sequence[Sequence[Any]]) -> list[list[Outcome]]:
    """Store what each request of a group handed over; return the outcomes of each, in order.

    Of rows with the same id the first is stored and the others are DUPLICATE. Without any item it
    only proves that the database takes writes. Raises an error of the database, or UnicodeError,
    when the commit is not confirmed.
    """
    if not any(group):
        require_writable(target.alias)
        return [[] for _ in group]
    store = _store_changes if isinstance(target, Updates) else _store_rows
    outcomes = iter(store(target, group))  # type: ignore[arg-type]
    return [list(islice(outcomes, len(items))) for items in group]


def require_writable(alias: str) -> None:
    """Raise an error of the database if it does not answer, or takes no writes."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only') = 'on'")
        [is_read_only] = cursor.fetchone()
    if is_read_only:
        connections[alias].close()  # the next one may lead to the server that is primary now
        raise OperationalError("the database is read-only")


def observe(group: Sequence[Sequence[Any]], seconds: float) -> None:
    """Count a group that was stored."""
    GROUP_ROWS.observe(sum(map(len, group)))
    GROUP_SECONDS.observe(seconds)


def count_new_rows(
    target: Target, group: Sequence[Sequence[Any]], outcomes: Sequence[Sequence[Outcome]]
) -> int:
    """Return how many rows a group added, and count them; most changes add none."""
    if isinstance(target, Table):
        rows = sum(each.count(Outcome.STORED) for each in outcomes)
        if target.counter:
            target.counter.inc(rows)
        return rows
    pairs = zip(chain.from_iterable(group), chain.from_iterable(outcomes), strict=True)
    return sum(item.adds_row for item, outcome in pairs if outcome is Outcome.STORED)


def _store_rows(table: Table, group: Sequence[Sequence[Row]]) -> list[Outcome]:
    rows = list(chain.from_iterable(group))
    first = {row[0]: row for row in reversed(rows)}
    # A row waits for another process that is storing its id, so two with the same ids would
    # deadlock if they took them in different orders.
    ordered = sorted(first.values(), key=lambda row: row[0].int)
    parts = table.split(ordered)
    are_few = len(parts) > 1 and len(ordered) <= insert_together.MAX_ROWS
    stored = _commit(
        table.alias,
        partial(insert_together.insert_together if are_few else _copy_each, parts),
        partial(_insert_each, parts),
        is_one_statement=table.on_new_rows is None and (are_few or len(parts) == 1),
        is_repeatable=True,
    )
    split = chain.from_iterable(rows for _, rows in parts)
    outcomes = {row[0]: outcome for row, outcome in zip(split, stored, strict=True)}
    if len(rows) == len(ordered):
        return [outcomes[row[0]] for row in rows]
    return [_take_outcome(outcomes, row) for row in rows]


def _copy_each(parts: Parts) -> list[Outcome]:
    return [outcome for table, rows in parts for outcome in copy_rows(table, rows)]


def _insert_each(parts: Parts) -> list[Outcome]:
    return [outcome for table, rows in parts for outcome in insert_ignoring_duplicates(table, rows)]


def _take_outcome(outcomes: dict[Any, Outcome], row: Row) -> Outcome:
    """Return the outcome of a row's id, which is DUPLICATE for whoever sent it after the first."""
    outcome = outcomes[row[0]]
    if outcome is Outcome.STORED:
        outcomes[row[0]] = Outcome.DUPLICATE
    return outcome


def _store_changes(updates: Updates, group: Sequence[Sequence[Any]]) -> list[Outcome]:
    changes = list(chain.from_iterable(group))
    return _commit(
        updates.alias,
        partial(updates.apply, changes),
        partial(apply_bisecting, updates, changes),
        is_one_statement=False,
        is_repeatable=False,
    )


def _commit(
    alias: str,
    store: Store,
    store_carefully: Store,
    *,
    is_one_statement: bool,
    is_repeatable: bool,
) -> list[Outcome]:
    """Store a group in one transaction, as if all in it were new and good.

    Where that fails because of a row, or in a deadlock, it is tried again in the way that sorts
    out known and bad rows. Where the connection turns out to be lost, as after a restart of
    PostgreSQL, or to be one to a standby, it is tried again on a new one.
    """
    connection = connections[alias]
    for attempt in range(1, ATTEMPTS + 1):
        used = connection.connection
        is_in_commit = False
        try:
            with _transaction(connection, is_one_statement=is_one_statement):
                outcomes = store()
                is_in_commit = True
            return outcomes
        except (DatabaseError, InterfaceError, UnicodeError) as error:
            if is_connection_unusable(error):
                connection.close()
            # When COMMIT itself fails nobody knows whether it was done. Rows can be sent again:
            # those that it stored are DUPLICATE then. A change, as of a count, would be made twice.
            if (is_in_commit and not is_repeatable) or attempt == ATTEMPTS:
                raise
            if is_serialization_failure(error):
                time.sleep(YIELD_SECONDS)  # or the other would wait for the same rows again
            if is_row_error(error) or is_serialization_failure(error):
                store, is_one_statement = store_carefully, False
            elif used is None or not used.closed or deadline.remaining() == 0:
                raise
    raise AssertionError("unreachable")


def _transaction(connection: Any, *, is_one_statement: bool) -> AbstractContextManager[Any]:
    """Return a transaction; one statement is one by itself, and saves two round trips."""
    if is_one_statement and not connection.in_atomic_block:
        return nullcontext()
    return Atomic(connection.alias, savepoint=True, durable=False)
