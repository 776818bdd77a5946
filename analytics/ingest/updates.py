"""Changing rows for a whole group at once, by a few statements over arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.ingest.bulk_copy import (
    Written,
    apart,
)


@dataclass(frozen=True, slots=True)
class Changes:
    """One kind of change in one database.

    `apply` makes all the changes it is given, in order, within a transaction that is open, and
    returns what became of each. It raises DatabaseError when one of them is bad, and may then be
    called again with fewer. Whatever it locks it locks in the same order in every process.
    """

    alias: str
    apply: Callable[[Sequence[Any]], list[Written]]


Wanted = Mapping[Changes, Sequence[Any]]
Changed = dict[Changes, list[Written]]


def apply_all(wanted: Wanted) -> Changed:
    """Make changes of which none is bad; raises DatabaseError when one of them is."""
    return {changes: changes.apply(items) for changes, items in wanted.items()}


def apply_apart(wanted: Wanted) -> Changed:
    """Make changes of which some may be bad; these are refused alone."""
    return {
        changes: apart(changes.alias, items, changes.apply) for changes, items in wanted.items()
    }
