"""Retention: what has been kept for long enough is deleted, and so are events of deleted websites.

A plan says what is to go, and carrying it out deletes just that: whole months of the past as
partitions, the rest of the month in which the time ends and what lies in the default partition
row by row.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections
from psycopg import sql

from analytics.events.models import Event
from analytics.streams import (
    deletion,
    partitions,
)
from analytics.streams.base import (
    Stream,
    streams,
)
from analytics.streams.partitions import Partition
from config.db import (
    deadline,
    uuid7,
)
from config.db.routers import (
    ANALYTICS,
    home,
)
from config.models import RuntimeSettings
from websites.models import User, Website

logger = logging.getLogger(__name__)

NAME = "retention"  # of its MaintenanceRun, and of the lock that one run at a time holds
# A website this young is never taken for a deleted one: its events are read from one database, the
# websites afterwards from another, which may be a copy that lags behind.
NEW_WEBSITE = timedelta(minutes=10)
WEBSITES_AT_ONCE = 1_000


class RetentionError(Exception):
    """Say in a sentence why nothing is deleted."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What one transaction has deleted: rows, and a partition with its size or none."""

    rows: int
    months: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class DropPartition:
    """A partition all of whose rows are to go."""

    model: type[Stream]
    partition: Partition
    rows: int

    def delete(self) -> Iterator[Deleted]:
        """Drop the partition; empty it where others use it for so long, for a later run to drop."""
        each = self.partition
        if deletion.drop(self.model, each):
            yield Deleted(self.rows, months=1, bytes=each.bytes)
        else:
            logger.warning("%s is in use for long; its rows are deleted in batches.", each.name)
            rows = deletion.delete_range(self.model, each.name, each.low, each.high)
            yield from map(Deleted, rows)


@dataclass(frozen=True, slots=True)
class DeleteRange:
    """The rows of a partition that are to go while others stay."""

    model: type[Stream]
    partition: Partition
    high: UUID
    rows: int

    def delete(self) -> Iterator[Deleted]:
        """Delete them in batches."""
        low, name = self.partition.low, self.partition.name
        yield from map(Deleted, deletion.delete_range(self.model, name, low, self.high))


@dataclass(frozen=True, slots=True)
class DeleteWebsiteEvents:
    """The events of a website that is no more, as far as they are not old enough anyway."""

    website_id: UUID
    low: UUID
    rows: int

    def delete(self) -> Iterator[Deleted]:
        """Delete them in batches."""
        yield from map(Deleted, deletion.delete_of_website(self.website_id, self.low))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to go of one stream, which keeps its rows for a number of days, 0 for ever."""

    model: type[Stream]
    days: int
    months: list[DropPartition]
    rests: list[DeleteRange]
    websites: list[DeleteWebsiteEvents]

    @property
    def parts(self) -> list[DropPartition | DeleteRange | DeleteWebsiteEvents]:
        """All of it, in order."""
        return [*self.months, *self.rests, *self.websites]

    @property
    def total(self) -> Deleted:
        """What will be deleted; the room of rows that go in batches is for new rows, not freed."""
        return Deleted(
            rows=sum(part.rows for part in self.parts),
            months=len(self.months),
            bytes=sum(month.partition.bytes for month in self.months),
        )

    def carry_out(self) -> Iterator[Deleted]:
        """Delete it, and tell after each transaction what it has deleted."""
        for part in self.parts:
            yield from part.delete()


def total(some: Iterable[Deleted]) -> Deleted:
    """Return the sum of what was deleted."""
    rows, months, size = 0, 0, 0
    for each in some:
        rows, months, size = rows + each.rows, months + each.months, size + each.bytes
    return Deleted(rows, months, size)


def days_kept(model: type[Stream], row: RuntimeSettings) -> int:
    """Return for how many days a stream is kept, 0 for ever."""
    return int(getattr(row, model.retention_setting))


def deletion_order() -> list[type[Stream]]:
    """Return all streams in the order of their deletion.

    What refers to another stream is defined after it, and goes first. So a run that is stopped
    leaves sessions without page views, which still have their counts, rather than page views that
    belong to nothing. A page view within the time stays, even if its session began before.
    """
    return list(reversed(streams()))


def plan(model: type[Stream], days: int, now: datetime) -> Plan:
    """Find out what is to go of a stream that is kept for so many days, 0 for ever."""
    end = uuid7.floor(now - timedelta(days=days)) if days else uuid7.LOWEST
    months, rests = [], []
    for partition in partitions.listed(model):
        if partition.low >= end:
            continue
        if partition.high <= end:
            months.append(DropPartition(model, partition, _count(model, partition.name, end)))
        elif rows := _count(model, partition.name, end):
            rests.append(DeleteRange(model, partition, end, rows))
    websites = _of_deleted_websites(end, now) if model is Event else []
    return Plan(model, days, months, rests, websites)


@contextmanager
def exclusive_run() -> Iterator[None]:
    """Let no other run begin for the time of a block; raises RetentionError if one is at work."""
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [NAME])
        if cursor.fetchone() != (True,):
            raise RetentionError("Another run of retention is at work.")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [NAME])


def _count(model: type[Stream], table: str, end: UUID) -> int:
    count = sql.SQL("SELECT count(*) FROM {} WHERE id < %s").format(sql.Identifier(table))
    [[rows]] = _rows(home(model), count.as_string(), [end])
    return int(rows)


def _of_deleted_websites(low: UUID, now: datetime) -> list[DeleteWebsiteEvents]:
    found = []
    for website_id in _deleted_websites(now):
        with deadline.long_transaction(home(Event)):
            rows = Event.objects.of_website(website_id).filter(id__gte=low).count()
        if rows:
            found.append(DeleteWebsiteEvents(website_id, low, rows))
    return found


# A jump in the index for each website, in place of a walk over all events.
_WEBSITES = """
WITH RECURSIVE site (id) AS (
    (SELECT website_id FROM analytics_event ORDER BY website_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT website_id FROM analytics_event WHERE website_id > site.id
        ORDER BY website_id LIMIT 1
    )
    FROM site WHERE site.id IS NOT NULL
)
SELECT id FROM site WHERE id IS NOT NULL
"""


def _deleted_websites(now: datetime) -> list[UUID]:
    """Return the websites of events that the main database does not know."""
    newest = uuid7.floor(now - NEW_WEBSITE)
    named = [id for (id,) in _rows(home(Event), _WEBSITES, []) if id < newest]
    if named and not User.objects.exists():
        raise RetentionError(
            "The main database knows no user at all, so that every event seems to be of a deleted "
            "website. Is DATABASE_URL the right one?"
        )
    known: set[UUID] = set()
    for start in range(0, len(named), WEBSITES_AT_ONCE):
        some = named[start : start + WEBSITES_AT_ONCE]
        known |= set(Website.objects.filter(id__in=some).values_list("id", flat=True))
    return [id for id in named if id not in known]


def _rows(alias: str, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with deadline.long_transaction(alias) as cursor:
        cursor.execute(query, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
