"""Rows whose ids may be idempotency keys: retries, and keys in use by other callers."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from django.db.models import F
from django.db.models.expressions import Combinable

from analytics.ingest import writer
from analytics.ingest.bulk_copy import Table
from config.api.errors import Conflict, RowRefused
from config.api.idempotency import IN_USE
from config.api.outcomes import Outcome

OWNER = F("user_id")


class OwnedRow(Protocol):
    """A row of a caller: a user, or nobody."""

    @property
    def id(self) -> UUID: ...
    @property
    def user_id(self) -> Any: ...


def write(table: Table, rows: Sequence[OwnedRow], *, owner: Combinable = OWNER) -> list[Outcome]:
    """Store rows as `writer.write` does, and return the outcome of each.

    DUPLICATE: the caller stored it before, in this request or an earlier one. REJECTED: its id is
    in use by another caller's row. Only a known id costs a query. `owner` is the caller of a row
    that is stored, as an expression.
    """
    outcomes = writer.write(table, rows)
    known = [row.id for row, each in zip(rows, outcomes, strict=True) if each is Outcome.DUPLICATE]
    if not known:
        return outcomes
    stored = table.model._default_manager.filter(id__in=known)
    owners = dict(stored.values_list("id", owner))
    return [
        Outcome.REJECTED
        if each is Outcome.DUPLICATE and owners.get(row.id, row.user_id) != row.user_id
        else each
        for row, each in zip(rows, outcomes, strict=True)
    ]


def write_one(table: Table, row: OwnedRow, *, owner: Combinable = OWNER) -> Outcome:
    """Store one row: STORED or DUPLICATE; raises Conflict, RowRefused or StorageUnavailable."""
    [outcome] = write(table, [row], owner=owner)
    if outcome is Outcome.WRITE_FAILED:
        raise RowRefused
    if outcome is Outcome.REJECTED:
        raise Conflict(IN_USE)
    return outcome
