"""Changes of rows, made for a whole group at once by a few statements over arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self
from uuid import UUID

from analytics.ingest.bulk_copy import bisect_on_error
from config.api.outcomes import Outcome


class Change(Protocol):
    """What one request changes, in a type of its stream's own."""

    @property
    def adds_row(self) -> bool:
        """Whether it also stores a new row."""

    @property
    def subject_id(self) -> UUID:
        """The id of what it changes."""

    @property
    def new_id(self) -> UUID | None:
        """The id of the row that it adds, which other changes may be about."""

    def repeatable(self) -> Self:
        """Return the change so that making it twice changes nothing more."""


@dataclass(frozen=True, slots=True, eq=False)
class Updates:
    """One kind of change in one database, with a name for people.

    `apply` makes the changes of a group, in order, within an open transaction, and returns the
    outcome of each. It raises DatabaseError when one of them is bad, and may then be called again
    with fewer. Whatever it locks it locks in the same order in every process. `item_type` is the
    type of its changes, `row_type` that of the rows in them.
    """

    alias: str
    name: str
    apply: Callable[[Sequence[Any]], list[Outcome]]
    item_type: Any
    row_type: Any


def apply_bisecting(updates: Updates, changes: Sequence[Change]) -> list[Outcome]:
    """Make changes of which some may be bad; only these are WRITE_FAILED."""
    return bisect_on_error(updates.alias, changes, updates.apply)
