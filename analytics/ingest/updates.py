"""Changing rows for a whole group at once, by a few statements over arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.ingest.bulk_copy import (
    Written,
    bisect_on_error,
)


@dataclass(frozen=True, slots=True)
class Updates:
    """One kind of change in one database.

    `apply` makes all the updates it is given, in order, within a transaction that is open, and
    returns what became of each. It raises DatabaseError when one of them is bad, and may then be
    called again with fewer. Whatever it locks it locks in the same order in every process.
    """

    alias: str
    apply: Callable[[Sequence[Any]], list[Written]]


PendingUpdates = Mapping[Updates, Sequence[Any]]
UpdateResults = dict[Updates, list[Written]]


def apply_all(pending: PendingUpdates) -> UpdateResults:
    """Make updates of which none is bad; raises DatabaseError when one of them is."""
    return {updates: updates.apply(items) for updates, items in pending.items()}


def apply_bisecting(pending: PendingUpdates) -> UpdateResults:
    """Make updates of which some may be bad; these are refused alone."""
    return {
        updates: bisect_on_error(updates.alias, items, updates.apply)
        for updates, items in pending.items()
    }
