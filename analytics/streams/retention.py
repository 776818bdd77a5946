"""Retention: deletion of rows beyond the age limit of their stream, and of orphans.

A plan is made first, and its execution deletes just that: past months as whole partitions, then
rows one batch after another, in the month of the limit and in the default partition.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg import sql

from analytics.streams import deletion, partitions
from analytics.streams.base import Stream, StreamQuerySet, streams
from analytics.streams.partitions import Partition
from analytics.streams.retention_limits import AppliedRetention, Shortening, needs_confirmation
from config.db import deadline, uuid7
from config.db.routers import home

logger = logging.getLogger(__name__)

NAME = "retention"  # of its MaintenanceRun, and of the lock that one run at a time holds


@dataclass(frozen=True, slots=True)
class Deleted:
    """What one transaction deleted: rows, and a partition with its size or none."""

    rows: int
    months: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class DropPartition:
    """A partition without any row that is to stay."""

    model: type[Stream]
    partition: Partition
    rows: int

    def delete(self) -> Iterator[Deleted]:
        """Drop the partition; if it stays in use, empty it for a later run to drop."""
        each = self.partition
        if deletion.drop_partition(self.model, each):
            yield Deleted(self.rows, months=1, bytes=each.bytes)
        else:
            logger.warning("%s is in use for long; its rows are deleted in batches.", each.name)
            rows = deletion.delete_range(self.model, each.name, each.low, each.high)
            yield from map(Deleted, rows)


@dataclass(frozen=True, slots=True)
class DeleteRange:
    """The rows of a partition up to an id; the others stay."""

    model: type[Stream]
    partition: Partition
    high: UUID
    rows: int

    def delete(self) -> Iterator[Deleted]:
        """Delete the rows in batches."""
        low, name = self.partition.low, self.partition.name
        yield from map(Deleted, deletion.delete_range(self.model, name, low, self.high))


@dataclass(frozen=True, slots=True)
class DeleteOrphans:
    """The rows that belonged to one deleted website, as far as they are within the age limit."""

    queryset: StreamQuerySet
    rows: int

    def delete(self) -> Iterator[Deleted]:
        """Delete the rows in batches."""
        yield from map(Deleted, deletion.delete_rows(self.queryset))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be deleted of one stream, which is kept for some days, 0 for ever.

    end: what has a lower id is too old.
    """

    model: type[Stream]
    days: int
    end: UUID
    months: list[DropPartition]
    ranges: list[DeleteRange]
    orphans: list[DeleteOrphans]

    @property
    def steps(self) -> list[DropPartition | DeleteRange | DeleteOrphans]:
        return [*self.months, *self.ranges, *self.orphans]

    @property
    def total(self) -> Deleted:
        """What will be deleted; bytes of batches stay with the table, for new rows."""
        return Deleted(
            rows=sum(step.rows for step in self.steps),
            months=len(self.months),
            bytes=sum(month.partition.bytes for month in self.months),
        )

    def shortening(self) -> Shortening | None:
        """Return what must be confirmed before this is executed, None if nothing."""
        if not needs_confirmation(self.model, self.days):
            return None
        too_old: list[DropPartition | DeleteRange] = [*self.months, *self.ranges]
        old = sum(step.rows for step in too_old)
        rows = old + _count(self.model, self.model._meta.db_table, self.end, uuid7.HIGHEST)
        if 2 * old <= rows:
            return None
        before = AppliedRetention.of(self.model).days
        return Shortening(self.model, before, self.days, old, old / rows)

    def execute(self) -> Iterator[Deleted]:
        """Delete it; yield what was deleted after each transaction."""
        for step in self.steps:
            yield from step.delete()


def total(deleted: Iterable[Deleted]) -> Deleted:
    """Return the sum of what several transactions deleted."""
    rows, months, size = 0, 0, 0
    for each in deleted:
        rows, months, size = rows + each.rows, months + each.months, size + each.bytes
    return Deleted(rows, months, size)


def deletion_order() -> list[type[Stream]]:
    """Return all streams, those that refer to others first.

    A model that refers to another is defined after it. So a run that is interrupted leaves sessions
    without page views, which still have their counts, rather than page views without a session. A
    page view within the age limit stays even if its session began before.
    """
    return list(reversed(streams()))


def plan(model: type[Stream], days: int, now: datetime) -> Plan:
    """Return what is to be deleted of a stream that is kept for some days, 0 for ever."""
    end = uuid7.floor(now - timedelta(days=days)) if days else uuid7.LOWEST
    months, ranges = [], []
    for partition in partitions.list_partitions(model):
        if partition.low >= end:
            continue
        if partition.high <= end:
            months.append(
                DropPartition(model, partition, _count(model, partition.name, uuid7.LOWEST, end))
            )
        elif rows := _count(model, partition.name, uuid7.LOWEST, end):
            ranges.append(DeleteRange(model, partition, end, rows))
    return Plan(model, days, end, months, ranges, list(_orphan_steps(model.orphans(), end)))


def _count(model: type[Stream], table: str, low: UUID, high: UUID) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE id >= %s AND id < %s")
    with deadline.long_transaction(home(model)) as cursor:
        cursor.execute(query.format(sql.Identifier(table)).as_string(), [low, high])
        [[rows]] = cursor.fetchall()
        return int(rows)


def _orphan_steps(querysets: Iterable[StreamQuerySet], low: UUID) -> Iterator[DeleteOrphans]:
    for queryset in querysets:
        queryset = queryset.filter(id__gte=low)  # older ones are counted already
        with deadline.long_transaction(home(queryset.model)):
            rows = queryset.count()
        if rows:
            yield DeleteOrphans(queryset, rows)
