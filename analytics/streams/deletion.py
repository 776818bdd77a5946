"""Deletion of a stream's rows beside its writers: whole partitions, or rows in batches.

Each transaction deletes rows and updates what other tables derive from them (`before_delete`), or
does neither. Batches lock no table, so that nobody waits for them but those who change the same
rows. The price: rows may come or go between the update and the deletion, which then differ. Such a
batch is rolled back and repeated.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db import DatabaseError
from psycopg import sql

from analytics.streams import locks
from analytics.streams.base import RowsChanged, Stream, StreamQuerySet
from analytics.streams.partitions import Partition
from config.db import deadline, uuid7
from config.db.routers import home

BATCH_ROWS = 5_000
ROUND_ROWS = 50_000
BATCH_ATTEMPTS = 10
DROP_ATTEMPTS = 20
DROP_PAUSE_SECONDS = 0.5
# Only late rows of a past month wait for its partition. Longer than PostgreSQL's deadlock_timeout,
# after which a vacuum of the partition gives way.
PARTITION_LOCK_MS = 2_000
# All writers of the stream wait for the partitioned table.
TABLE_LOCK_MS = 150

Result = TypeVar("Result")


def drop_partition(model: type[Stream], partition: Partition) -> bool:
    """Drop a partition; return False if others used the table for too long.

    DROP needs an exclusive lock of the whole table for a moment. While it waits for a reader, all
    that come later wait behind it: hence the short lock timeout, after which everything is rolled
    back, and the attempts with pauses between them. The partition itself is locked before
    `before_delete`, so that no row can be added in between. Writers that wait for a total that
    `before_delete` has changed hold a lock of the table: under heavy load of theirs all attempts
    fail.
    """
    return locks.try_often(
        partial(_drop_partition, model, partition),
        attempts=DROP_ATTEMPTS,
        pause_seconds=DROP_PAUSE_SECONDS,
    )


def delete_range(model: type[Stream], table: str, low: UUID, high: UUID) -> Iterator[int]:
    """Delete the rows of a partition with ids in [low, high); yield the number of each batch."""
    while low < high:
        deleted, low = _retry(partial(_delete_range_batch, model, table, low, high))
        yield deleted


def delete_rows(rows: StreamQuerySet) -> Iterator[int]:
    """Delete the rows of a query; yield the number of each batch."""
    low, is_last = uuid7.LOWEST, False
    while not is_last:
        deleted, low = _retry(partial(_delete_rows_batch, rows, low))
        is_last = deleted < BATCH_ROWS
        yield deleted


def delete_in_rounds(rows: StreamQuerySet) -> Iterator[int]:
    """Delete the rows of a query in no order of theirs; yield the number of each batch.

    For queries by the hash of a text, and such that read much: each round reads the ids of several
    batches.
    """
    ids = _some_ids(rows)
    while ids:
        for start in range(0, len(ids), BATCH_ROWS):
            batch = ids[start : start + BATCH_ROWS]
            yield _retry(partial(_delete_ids, rows.model, batch))
        ids = _some_ids(rows) if len(ids) == ROUND_ROWS else []


def _drop_partition(model: type[Stream], partition: Partition) -> None:
    name = sql.Identifier(partition.name)
    with deadline.long_transaction(home(model)) as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {PARTITION_LOCK_MS}")
        lock = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(name)
        cursor.execute(lock.as_string())
        model.before_delete(partition.low, partition.high, partition.name)
        cursor.execute(f"SET LOCAL lock_timeout = {TABLE_LOCK_MS}")
        cursor.execute(sql.SQL("DROP TABLE {}").format(name).as_string())


def _delete_range_batch(model: type[Stream], table: str, low: UUID, high: UUID) -> tuple[int, UUID]:
    """Delete the first rows of a range; return how many, and where the rest begins."""
    rows = sql.SQL("FROM {} WHERE id >= %s AND id < %s").format(sql.Identifier(table)).as_string()
    with deadline.long_transaction(home(model)) as cursor:
        first_of_rest = f"SELECT id {rows} ORDER BY id OFFSET {BATCH_ROWS} LIMIT 1"
        cursor.execute(first_of_rest, [low, high])
        [end] = cursor.fetchone() or [high]
        cursor.execute(f"SELECT count(*) {rows}", [low, end])
        [[count]] = cursor.fetchall()
        model.before_delete(low, end, table)
        cursor.execute(f"DELETE {rows}", [low, end])
        if cursor.rowcount != count:
            raise RowsChanged
        return count, end


def _delete_rows_batch(rows: StreamQuerySet, low: UUID) -> tuple[int, UUID]:
    """Delete the first rows of a query; return how many, and where the rest begins."""
    model = rows.model
    with deadline.long_transaction(home(model)):
        rest = rows.filter(id__gte=low)
        ids = list(rest.order_by("id").values_list("id", flat=True)[:BATCH_ROWS])
        if not ids:
            return 0, low
        count, _ = rest.filter(id__lte=ids[-1]).delete()
        if count != len(ids):
            raise RowsChanged
        return count, uuid7.next_after(ids[-1])


def _some_ids(rows: StreamQuerySet) -> list[UUID]:
    with deadline.long_transaction(home(rows.model)) as cursor:
        # By way of an index, which skips the rows that are deleted: others would be read each time.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        return sorted(rows.order_by().values_list("pk", flat=True)[:ROUND_ROWS])


def _delete_ids(model: type[Stream], ids: Sequence[UUID]) -> int:
    with deadline.long_transaction(home(model)):
        rows: Any = model._default_manager.all()
        deleted: int = rows.with_ids(ids).delete()[0]
        return deleted


def _retry(delete_batch: Callable[[], Result]) -> Result:
    """Delete a batch, and repeat it if others changed the same rows."""
    for _ in range(BATCH_ATTEMPTS - 1):
        try:
            return delete_batch()
        except RowsChanged:
            continue
        except DatabaseError as error:
            if not locks.is_contention(error):
                raise
    return delete_batch()
