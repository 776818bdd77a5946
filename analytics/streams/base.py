"""The base of all streams of events: ids that are times, and reads that prune partitions."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID

from django.apps import apps
from django.db import models, transaction
from django.db.models.expressions import RawSQL

from config.db import cluster, uuid7
from config.db.routers import ANALYTICS

if TYPE_CHECKING:
    from analytics.people.person import Person


class TextHash(models.Func):
    """PostgreSQL's hash of a text: four bytes, in an index of a third of the size."""

    function = "hashtext"
    output_field = models.IntegerField()


@models.CharField.register_lookup
@models.TextField.register_lookup
class ByHash(models.Lookup):
    """`field__by_hash=text`: equality by way of an index on TextHash."""

    lookup_name = "by_hash"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        equal = f"(hashtext({left}) = hashtext({right}) AND {left} = {right})"
        return equal, (*left_values, *right_values) * 2


class RowsChanged(Exception):
    """Rows that were to be deleted were added or deleted by others meanwhile."""


class StreamQuerySet(models.QuerySet):  # type: ignore[type-arg]
    """Many events of one stream."""

    def between(self, start: datetime | None = None, end: datetime | None = None) -> Self:
        """Return the events in [start, end); bounds on the id let PostgreSQL prune partitions."""
        rows = self if start is None else self.filter(id__gte=uuid7.floor(start))
        return rows if end is None else rows.filter(id__lt=uuid7.floor(end))

    def in_partition(self, table: str, low: UUID, high: UUID) -> Self:
        """Return those with ids in [low, high) in a partition, whose name is a known one."""
        ids = RawSQL(f'SELECT id FROM "{table}" WHERE id >= %s AND id < %s', [low, high])
        return self.filter(id__gte=low, id__lt=high, id__in=ids)

    def with_ids(self, ids: Sequence[UUID]) -> Self:
        """Return the rows with some ids, which travel as one value: thousands take a while."""
        table = self.model._meta.db_table
        is_one = RawSQL(f'"{table}"."id" = ANY(%s)', [list(ids)], models.BooleanField())
        return self.filter(is_one)

    def after(self, cursor: UUID) -> Self:
        """Return the events after a cursor, in a list of the newest first."""
        return self.filter(id__lt=cursor)

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows, and what other tables derive from them.

        They are locked first, so that what another transaction deletes is not counted twice. Where
        they cannot be, this raises RowsChanged in its stead.
        """
        found = self if cluster.is_cluster(self.db) else self.select_for_update()
        with transaction.atomic(using=self.db):
            ids = list(found.order_by().values_list("pk", flat=True))
            rows = self.model._default_manager.all().with_ids(ids)
            self.model.before_delete_rows(rows)
            deleted = super(StreamQuerySet, rows).delete()
            if deleted[0] != len(ids):
                raise RowsChanged
            return deleted


class Stream(models.Model):
    """One event. The time in `id` is the time of the event; `created_at` repeats it for SQL.

    Tables are partitioned by ranges of `id`, a month each (analytics/streams/partitions.py).
    """

    home: ClassVar = ANALYTICS  # a subclass may name another database
    staff_may: ClassVar = ("view",)  # websites/roles.py
    retention_setting: ClassVar[str]  # the runtime setting: for how many days it is kept
    retention_default: ClassVar[str | None] = None  # the one that holds while that is 0
    # How full pages of an index get. Ids come nearly in order, and rows stay as they are, so that
    # little room is needed: 97 % saves 6 bytes of an event under load. With no room at all, late
    # ids split so many pages that it costs more than that.
    index_fill_percent: ClassVar = 97
    distributed_by: ClassVar = "id"  # the column by which a cluster spreads the rows
    row: ClassVar[type[tuple[Any, ...]]]  # a NamedTuple with a value for each column

    id = models.UUIDField(primary_key=True, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        abstract = True

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the row, and what other tables derive from it."""
        return type(self)._default_manager.filter(pk=self.pk).delete()

    @classmethod
    def before_delete(cls, low: UUID, high: UUID, table: str) -> None:
        """Update what other tables derive from a partition's rows with ids in [low, high).

        Retention, which deletes just these because of their age, calls it in the same transaction.
        That is rolled back, and both are repeated, if any of these rows was added or deleted
        meanwhile. Rows of other partitions may have such ids too, if the partition is the default
        one.
        """
        rows: Any = cls._default_manager.all()
        cls.before_delete_rows(rows.in_partition(table, low, high))

    @classmethod
    def before_delete_rows(cls, rows: Any) -> None:
        """Update what other tables derive from some rows, in the transaction that deletes them."""

    @classmethod
    def rows_of(cls, person: "Person") -> Sequence[StreamQuerySet]:
        """Return the rows about a person, by queries of which no two have the same row."""
        return ()

    @classmethod
    def orphans(cls) -> Sequence[StreamQuerySet]:
        """Return the rows to be deleted at any age, a query for each owner that was deleted."""
        return ()


def streams() -> list[type[Stream]]:
    return [model for model in apps.get_models() if issubclass(model, Stream)]
