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
from config.db import deadline, uuid7
from config.db.routers import home
from config.models import RuntimeSettings

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
    """What is to be deleted of one stream, which is kept for some days, 0 for ever."""

    model: type[Stream]
    days: int
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


def days_kept(model: type[Stream], row: RuntimeSettings) -> int:
    """Return for how many days a stream is kept, 0 for ever."""
    days = getattr(row, model.retention_setting)
    return int(days or (model.retention_default and getattr(row, model.retention_default)) or 0)


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
            months.append(DropPartition(model, partition, _count(model, partition.name, end)))
        elif rows := _count(model, partition.name, end):
            ranges.append(DeleteRange(model, partition, end, rows))
    return Plan(model, days, months, ranges, _orphans(model, end, now))


def _count(model: type[Stream], table: str, end: UUID) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE id < %s").format(sql.Identifier(table))
    with deadline.long_transaction(home(model)) as cursor:
        cursor.execute(query.as_string(), [end])
        [[rows]] = cursor.fetchall()
        return int(rows)


def _orphans(model: type[Stream], low: UUID, now: datetime) -> list[DeleteOrphans]:
    found = []
    for queryset in model.orphans(now):
        queryset = queryset.filter(id__gte=low)  # older ones are counted already
        with deadline.long_transaction(home(model)):
            rows = queryset.count()
        if rows:
            found.append(DeleteOrphans(queryset, rows))
    return found
