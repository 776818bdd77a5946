"""Rows whose ids may be idempotency keys: retries, and keys in use by other callers."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from analytics.ingest import writer
from analytics.ingest.bulk_copy import Table
from config.api.errors import Conflict, RowRefused
from config.api.idempotency import IN_USE
from config.api.outcomes import Outcome


class OwnedRow(Protocol):
    """A row of a caller: a user, a website, or nobody."""

    @property
    def id(self) -> UUID: ...


def write(table: Table, rows: Sequence[OwnedRow]) -> list[Outcome]:
    """Store rows as `writer.write` does, and return the outcome of each.

    DUPLICATE: the caller stored it before, in this request or an earlier one. REJECTED: its id is
    in use by another caller's row. Only a known id costs a query.
    """
    return reject_foreign(table, rows, writer.write(table, rows))


def reject_foreign(table: Table, rows: Sequence[Any], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return outcomes of rows, REJECTED for a DUPLICATE of another caller's row."""
    known = [row.id for row, each in zip(rows, outcomes, strict=True) if each is Outcome.DUPLICATE]
    if not known or table.owner is None:
        return list(outcomes)
    stored = table.model._default_manager.filter(id__in=known)
    owners = dict(stored.values_list("id", table.stored_owner))
    return [
        Outcome.REJECTED
        if each is Outcome.DUPLICATE
        and owners.get(row.id, getattr(row, table.owner)) != getattr(row, table.owner)
        else each
        for row, each in zip(rows, outcomes, strict=True)
    ]


def write_one(table: Table, row: OwnedRow) -> Outcome:
    """Store one row: STORED, SPOOLED or DUPLICATE.

    Raises Conflict, RowRefused or StorageUnavailable.
    """
    [outcome] = write(table, [row])
    if outcome is Outcome.WRITE_FAILED:
        raise RowRefused
    if outcome is Outcome.REJECTED:
        raise Conflict(IN_USE)
    return outcome
