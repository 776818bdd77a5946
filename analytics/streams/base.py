"""What all streams of events share: an id that is the time, and reads that prune partitions."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.apps import apps
from django.db import models

from config.db import uuid7
from config.db.routers import ANALYTICS


class TextHash(models.Func):
    """PostgreSQL's hash of a text: four bytes, for an index that takes a third of the room."""

    function = "hashtext"
    output_field = models.IntegerField()


@models.CharField.register_lookup
@models.TextField.register_lookup
class ByHash(models.Lookup):
    """`field__by_hash=text`: equality that finds its rows through an index over TextHash."""

    lookup_name = "by_hash"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        equal = f"(hashtext({left}) = hashtext({right}) AND {left} = {right})"
        return equal, (*left_values, *right_values) * 2


class StreamQuerySet(models.QuerySet):  # type: ignore[type-arg]
    """Many events of one stream."""

    def between(self, start: datetime | None = None, end: datetime | None = None) -> Self:
        """Return the events of [start, end); the bounds on the id let PostgreSQL skip months."""
        rows = self if start is None else self.filter(id__gte=uuid7.floor(start))
        return rows if end is None else rows.filter(id__lt=uuid7.floor(end))

    def after(self, cursor: UUID) -> Self:
        """Return the events that come after one in a list of the newest first."""
        return self.filter(id__lt=cursor)

    def newest_first(self) -> Self:
        """Return the events by time, the newest first."""
        return self.order_by("-id")


class Stream(models.Model):
    """One event. The time inside `id` is the time of the event; `created_at` repeats it for SQL.

    Tables are partitioned by ranges of `id`, a month each (analytics/streams/partitions.py).
    """

    home: ClassVar = ANALYTICS  # most streams; a subclass may name another one
    staff_may: ClassVar = ("view",)  # websites/roles.py
    retention_setting: ClassVar[str]  # the runtime setting that says for how many days it is kept

    id = models.UUIDField(primary_key=True, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        abstract = True

    @classmethod
    def forget(cls, low: UUID, high: UUID) -> None:
        """Undo what other tables know of the rows with ids in [low, high).

        Called in the transaction that is about to delete them, with writers to those rows locked
        out.
        """


def streams() -> list[type[Stream]]:
    """Return the models of all streams, those of other apps included."""
    return [model for model in apps.get_models() if issubclass(model, Stream)]
