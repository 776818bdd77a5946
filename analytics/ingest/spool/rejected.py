"""Rejected rows: what was spooled, and refused by the database for itself.

Staff see them in the admin with the reason, and store them again or delete them there.
"""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID, uuid5

from django.db import DatabaseError, connections, models, transaction

from analytics.ingest import targets
from analytics.ingest.bulk_copy import copy_rows
from analytics.ingest.commit import Target
from analytics.ingest.spool import storing
from analytics.ingest.spool.journal import Entry
from analytics.ingest.targets import Recorded
from analytics.ingest.updates import Updates
from config.api.outcomes import Outcome
from config.db import uuid7
from config.db.routers import ANALYTICS

MAX_REASON = 1000
REASONS = {
    Outcome.REJECTED: "Its id is in use by another caller's row.",
    Outcome.UNKNOWN_SESSION: "What it changes does not exist.",
}
REFUSED = "The database refuses it."
_NAMESPACE = UUID("019f2b8d-1f0b-7c3c-9e2c-3dbd8f8b2d77")


class RejectedRow(models.Model):
    """A row or change that was acknowledged, and cannot be stored as it is."""

    home: ClassVar = ANALYTICS
    staff_may: ClassVar = ("view", "delete")

    id = models.UUIDField(primary_key=True, editable=False)
    rejected_at = models.DateTimeField()
    target = models.TextField()
    reason = models.TextField()
    columns = models.TextField()
    data = models.TextField(help_text="A JSON array with the row, in the order of its columns.")

    def __str__(self) -> str:
        return f"{self.target}: {self.reason}"

    def store(self) -> bool:
        """Store it again, and delete it here if that works; return whether it does.

        What could not be read when it was rejected may be several rows.

        Raises UnreadableItems or DatabaseError.
        """
        recorded = Recorded(self.target, self.columns, 1, self.data.encode())
        stored = storing.store(targets.find(self.target), targets.read(recorded))
        if any(outcome not in storing.STORED for _, outcome in stored):
            return False
        self.delete()
        return True


def keep(target: Target, refused: Sequence[tuple[Any, Outcome]]) -> None:
    """Keep items that were refused; those that are kept already stay as they are."""
    _insert(
        (targets.record(target, [item]), REASONS.get(outcome) or _reason(target, item))
        for item, outcome in refused
    )


def keep_unreadable(entry: Entry, reason: str) -> None:
    """Keep an entry of the journal that this version does not understand, or that is damaged."""
    target, columns, items, data = entry.recorded
    target, columns, text = (
        each.replace("\0", "") for each in (target, columns, data.decode(errors="replace"))
    )
    _insert([(Recorded(target, columns, items, text.encode()), reason.replace("\0", ""))])


def _insert(rows: Any) -> None:
    now = uuid7.now()
    RejectedRow.objects.bulk_create(
        [
            RejectedRow(
                # Of an entry that comes twice, as after a crash, there is one.
                id=uuid5(_NAMESPACE, f"{recorded.target} {recorded.data.decode()}"),
                rejected_at=now,
                target=recorded.target,
                columns=recorded.columns,
                data=recorded.data.decode(),
                reason=reason[:MAX_REASON],
            )
            for recorded, reason in rows
        ],
        ignore_conflicts=True,
    )


def _reason(target: Target, item: Any) -> str:
    """Return what the database says of an item, which is tried once more alone."""
    try:
        with transaction.atomic(using=target.alias):
            with connections[target.alias].cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            if isinstance(target, Updates):
                target.apply([item])
            else:
                [(table, rows)] = target.split([item])
                copy_rows(table, rows)
            transaction.set_rollback(True, using=target.alias)
    except (DatabaseError, UnicodeError) as error:
        return str(error)
    return REFUSED
