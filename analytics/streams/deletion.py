"""Deleting rows of a stream while others write: whole partitions, or batches of rows.

Each transaction deletes rows and what other tables know of them, or neither. Batches lock no table,
so that nobody waits for them who does not change the same rows. Where rows came or went during a
batch, what was forgotten may not be what was deleted: it is rolled back and done again.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.db import DatabaseError, OperationalError
from psycopg import sql
from psycopg.errors import LockNotAvailable

from analytics.events.models import Event
from analytics.ingest.bulk_copy import is_serialization_failure
from analytics.streams.base import Stream
from analytics.streams.partitions import Partition
from config.db import deadline, uuid7
from config.db.routers import home

BATCH_ROWS = 5_000
BATCH_ATTEMPTS = 10
DROP_ATTEMPTS = 20
DROP_PAUSE_SECONDS = 0.5
# Only rows that come late for a month of the past wait for its partition. Longer than PostgreSQL's
# deadlock_timeout, after which a vacuum of the partition gives way.
PARTITION_LOCK_MS = 2_000
# All writers of the stream wait for the table of all partitions.
PARENT_LOCK_MS = 150

Result = TypeVar("Result")


def drop(model: type[Stream], partition: Partition) -> bool:
    """Drop a partition; False when others use the table for so long that it was left as it is.

    Dropping needs the whole table for a moment. Whoever asks for a table that is being read waits,
    and everybody behind waits too: so it asks for a short time only, gives everything back, and
    asks again later. The partition itself is locked before its rows are forgotten, so that none
    slips in. Writers who wait for a total that this has changed hold the table: under a heavy load
    of theirs it fails, and the rows go in batches.
    """
    for attempt in range(DROP_ATTEMPTS):
        if attempt:
            time.sleep(DROP_PAUSE_SECONDS)
        try:
            _drop(model, partition)
        except OperationalError as error:
            if not _was_in_use(error):
                raise
        else:
            return True
    return False


def delete_range(model: type[Stream], table: str, low: UUID, high: UUID) -> Iterator[int]:
    """Delete the rows of a partition with ids in [low, high); yield the number of each batch."""
    while low < high:
        deleted, low = _again(partial(_delete_batch, model, table, low, high))
        yield deleted


def delete_of_website(website_id: UUID, low: UUID) -> Iterator[int]:
    """Delete the events of a website with ids from low on; yield the number of each batch."""
    is_more = True
    while is_more:
        deleted, low = _again(partial(_delete_batch_of_website, website_id, low))
        is_more = deleted == BATCH_ROWS
        yield deleted


def _drop(model: type[Stream], partition: Partition) -> None:
    name = sql.Identifier(partition.name)
    with deadline.long_transaction(home(model)) as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {PARTITION_LOCK_MS}")
        lock = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(name)
        cursor.execute(lock.as_string())
        model.forget(partition.low, partition.high)
        cursor.execute(f"SET LOCAL lock_timeout = {PARENT_LOCK_MS}")
        cursor.execute(sql.SQL("DROP TABLE {}").format(name).as_string())


class _RowsCameOrWent(Exception):
    """The rows of a batch are not those that they were when it began."""


def _delete_batch(model: type[Stream], table: str, low: UUID, high: UUID) -> tuple[int, UUID]:
    """Delete the first rows of a range; return how many, and where the rest begins."""
    within = sql.SQL("FROM {} WHERE id >= %s AND id < %s").format(sql.Identifier(table)).as_string()
    with deadline.long_transaction(home(model)) as cursor:
        next_one = f"SELECT id {within} ORDER BY id OFFSET {BATCH_ROWS} LIMIT 1"
        cursor.execute(next_one, [low, high])
        [end] = cursor.fetchone() or [high]
        cursor.execute(f"SELECT count(*) {within}", [low, end])
        [rows] = cursor.fetchone()
        model.forget(low, end)
        cursor.execute(f"DELETE {within}", [low, end])
        if cursor.rowcount != rows:
            raise _RowsCameOrWent
        return rows, end


def _delete_batch_of_website(website_id: UUID, low: UUID) -> tuple[int, UUID]:
    """Delete the first events of a website; return how many, and where the rest begins."""
    with deadline.long_transaction(home(Event)):
        events = Event.objects.of_website(website_id).filter(id__gte=low)
        found = list(events.order_by("id").values_list("id", flat=True)[:BATCH_ROWS])
        if not found:
            return 0, low
        for id in found:  # events of others lie between them
            Event.forget(id, uuid7.next_after(id))
        rows, _ = events.filter(id__lte=found[-1]).delete()
        if rows != len(found):
            raise _RowsCameOrWent
        return rows, uuid7.next_after(found[-1])


def _again(batch: Callable[[], Result]) -> Result:
    """Delete a batch, and try again where others were at the same rows."""
    for _ in range(BATCH_ATTEMPTS - 1):
        try:
            return batch()
        except _RowsCameOrWent:
            continue
        except DatabaseError as error:
            if not _was_in_use(error):
                raise
    return batch()


def _was_in_use(error: DatabaseError) -> bool:
    """Tell whether others held what was to be locked, or changed the same rows."""
    return isinstance(error.__cause__, LockNotAvailable) or is_serialization_failure(error)
