"""One transaction for a group: what many requests handed over, stored and committed together.

Locks are taken in one order in every process, so that no two wait for each other: first new rows
(which lock only their own ids), then what `on_new_rows` counts, then changes of rows.
"""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections, transaction
from prometheus_client import Histogram

from analytics.ingest.bulk_copy import (
    Row,
    RowOutcomes,
    Rows,
    Table,
    copy_rows,
    insert_ignoring_duplicates,
    is_row_error,
    is_serialization_failure,
)
from analytics.ingest.updates import (
    ChangeOutcomes,
    PendingChanges,
    Updates,
    apply_all,
    apply_bisecting,
)
from config.api.outcomes import Outcome

ATTEMPTS = 3
GROUP_ROWS = Histogram(
    "millrace_write_group_rows",
    "Rows and changes that one transaction wrote.",
    buckets=[1, 2, 5, 10, 20, 50, 100, 1_000, 10_000],
)
GROUP_SECONDS = Histogram("millrace_write_seconds", "Time that one transaction of rows took.")

Target = Table | Updates


class Write(NamedTuple):
    """What one request hands over: rows of a table, or changes of one kind."""

    target: Target
    items: Sequence[Any]


def store_group(alias: str, group: Sequence[Write]) -> list[list[Outcome]]:
    """Store a group in one transaction; return the outcome of each item of each write, in order.

    Of rows with the same id the first is stored and the others are DUPLICATE. Raises an error of
    the database, or UnicodeError, when the commit is not confirmed.
    """
    rows: dict[Table, dict[UUID, Row]] = {}
    pending: dict[Updates, list[Any]] = {}
    for target, items in group:
        if isinstance(target, Updates):
            pending.setdefault(target, []).extend(items)
            continue
        by_id = rows.setdefault(target, {})
        for row in items:
            by_id.setdefault(row[0], row)
    started = time.perf_counter()
    of_rows, of_changes = _commit(alias, rows, pending)
    GROUP_ROWS.observe(len(of_rows) + sum(map(len, of_changes.values())))
    GROUP_SECONDS.observe(time.perf_counter() - started)
    return _split(group, of_rows, of_changes)


def count_new_rows(group: Sequence[Write], outcomes: Sequence[Sequence[Outcome]]) -> int:
    """Return how many rows a group added; most changes add none."""
    count = 0
    for (target, items), each in zip(group, outcomes, strict=True):
        if isinstance(target, Table):
            count += each.count(Outcome.STORED)
        else:
            pairs = zip(items, each, strict=True)
            count += sum(item.adds_row for item, outcome in pairs if outcome is Outcome.STORED)
    return count


def _split(
    group: Sequence[Write], of_rows: RowOutcomes, of_changes: ChangeOutcomes
) -> list[list[Outcome]]:
    """Give each write of a group the outcomes of its own items."""
    next_of_changes = {updates: iter(outcomes) for updates, outcomes in of_changes.items()}

    def outcome_of(row: Row) -> Outcome:
        outcome = of_rows[row[0]]
        if outcome is Outcome.STORED:
            of_rows[row[0]] = Outcome.DUPLICATE  # for whoever sent this id after it
        return outcome

    return [
        list(islice(next_of_changes[target], len(items)))
        if isinstance(target, Updates)
        else [outcome_of(row) for row in items]
        for target, items in group
    ]


def _commit(alias: str, rows: Rows, pending: PendingChanges) -> tuple[RowOutcomes, ChangeOutcomes]:
    """Store rows and make changes in one transaction, as if all were new and good.

    Where that fails because of a row, or in a deadlock, the whole is tried again in the way that
    sorts out known and bad rows. Where the connection turns out to be lost, as after a restart of
    PostgreSQL, it is tried again on a new one.
    """
    store, apply = copy_rows, apply_all
    for attempt in range(1, ATTEMPTS + 1):
        used = connections[alias].connection
        is_in_commit = False
        try:
            with transaction.atomic(using=alias):
                results = store(rows), apply(pending)
                is_in_commit = True
            return results
        except (DatabaseError, InterfaceError, UnicodeError) as error:
            # When COMMIT itself fails nobody knows whether it was done. Rows could be sent again,
            # since their ids are known, but a change, such as a count, would be made twice.
            if is_in_commit or attempt == ATTEMPTS:
                raise
            if is_row_error(error) or is_serialization_failure(error):
                store, apply = insert_ignoring_duplicates, apply_bisecting
            elif used is None or not _is_lost(alias, used):
                raise
    raise AssertionError("unreachable")


def _is_lost(alias: str, connection: Any) -> bool:
    """Return whether a connection that was in use is closed, and make Django open another.

    On its way out of the transaction Django may have opened another one already.
    """
    if connection.closed and connections[alias].connection is connection:
        connections[alias].close()
    return bool(connection.closed)
