"""Monthly partitions of the event tables, by ranges of their time-ordered ids."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

from django.db import connections
from django.db.models import Model
from psycopg import sql

from analytics.streams.default_partition import Replacement, Span
from analytics.streams.locks import Names, TableChanges
from analytics.streams.partitioned_tables import (  # migrations look for them here
    CreatePartitionedModel as CreatePartitionedModel,
)
from analytics.streams.partitioned_tables import RenamePartitionedTable as RenamePartitionedTable
from config.api.timestamps import AHEAD_MS
from config.db import cluster, deadline, uuid7
from config.db.routers import home

MONTHS_AHEAD = 3
MONTHS_AT_ONCE = 4  # that are attached under one lock
SMALL_BYTES = 8 << 20  # of a default partition: PostgreSQL looks through it in some milliseconds
FEW_ROWS = 500  # that may move under the lock
INSTANT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, at: datetime) -> Self:
        return cls(at.year, at.month)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the month of a text such as 2026-11, or raise ValueError."""
        return cls.of(datetime.strptime(text, "%Y-%m"))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    def plus(self, months: int) -> "Month":
        """Return the month some months later."""
        count = self.year * 12 + self.month - 1 + months
        return Month(count // 12, count % 12 + 1)

    def until(self, last: "Month") -> "Iterator[Month]":
        """Yield the months from this one to the last, both included."""
        month = self
        while month <= last:
            yield month
            month = month.plus(1)


def partition_name(model: type[Model], month: Month) -> str:
    """Return the name of a month's partition, such as analytics_event_y2026m11."""
    return f"{model._meta.db_table}_y{month.year:04d}m{month.month:02d}"


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition whose rows have ids in [low, high), or any if it is the default one.

    `rows` is PostgreSQL's estimate, `bytes` the size on disk with all indexes.
    """

    name: str
    low: UUID
    high: UUID
    is_default: bool
    rows: int
    bytes: int

    @property
    def month(self) -> Month:
        return Month.of(uuid7.time_of(self.low))


def list_partitions(
    model: type[Model], shards: Mapping[str, tuple[int, int]] | None = None
) -> list[Partition]:
    """Return the partitions of a model, the oldest first and the default one last.

    shards: what cluster.shard_sizes() gives, from whoever lists several models.
    """
    with connections[home(model)].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), "
            # The first is known only after an ANALYZE, the second only until the next crash.
            "greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)::bigint, "
            "pg_total_relation_size(c.oid) "
            "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = %s::regclass",
            [model._meta.db_table],
        )
        found = [_partition(*values) for values in cursor.fetchall()]
    sizes = cluster.shard_sizes(home(model)) if shards is None else shards
    for n, each in enumerate(found):
        if each.name in sizes:
            rows, size = sizes[each.name]
            found[n] = replace(each, rows=rows, bytes=size)
    return sorted(found, key=lambda each: (each.is_default, each.low))


def _partition(name: str, bound: str, rows: int, size: int) -> Partition:
    """Return the partition of a bound like FOR VALUES FROM ('…') TO ('…'), or DEFAULT."""
    match = re.fullmatch(r"FOR VALUES FROM \('(.+)'\) TO \('(.+)'\)", bound)
    low, high = (UUID(match[1]), UUID(match[2])) if match else (uuid7.LOWEST, uuid7.HIGHEST)
    return Partition(name, low, high, is_default=match is None, rows=rows, bytes=size)


def partition_names(model: type[Model]) -> list[str]:
    return sorted(each.name for each in list_partitions(model))


def default_name(model: type[Model]) -> str:
    return f"{model._meta.db_table}_default"


def months_in_default(model: type[Model]) -> Iterator[tuple[Month, int]]:
    """Yield each month that has rows in the default partition, with the number of these rows."""
    default = sql.Identifier(default_name(model))
    first = sql.SQL("SELECT id FROM {} WHERE id >= %s ORDER BY id LIMIT 1").format(default)
    count = sql.SQL("SELECT count(*) FROM {} WHERE id >= %s AND id < %s").format(default)
    low = uuid7.LOWEST
    with deadline.long_transaction(home(model)) as cursor:
        while True:
            cursor.execute(first.as_string(), [low])
            found = cursor.fetchone()
            if found is None:
                return
            month = Month.of(uuid7.time_of(found[0]))
            low = uuid7.floor(month.plus(1).start)
            cursor.execute(count.as_string(), [uuid7.floor(month.start), low])
            [rows] = cursor.fetchone()
            yield month, rows


def create(model: type[Model], month: Month) -> bool:
    """Create a month's partition unless it exists; return whether it was created."""
    return month in create_all(model, [month])


def create_all(model: type[Model], months: Sequence[Month]) -> Iterator[Month]:
    """Create the partitions of months unless they exist; yield those that were created.

    Rows of these months in the default partition move to them. Raises TableInUse.
    """
    for start in range(0, len(months), MONTHS_AT_ONCE):
        some = months[start : start + MONTHS_AT_ONCE]
        if _lacking(model, some):
            with _exclusive(model):
                lacking = _lacking(model, some)
                _create(model, [_span(model, month) for month in lacking])
            yield from lacking


def _lacking(model: type[Model], months: Sequence[Month]) -> list[Month]:
    names = partition_names(model)
    return [month for month in months if partition_name(model, month) not in names]


@contextmanager
def _exclusive(model: type[Model]) -> Iterator[None]:
    """Let no other process attach partitions to a table."""
    with connections[home(model)].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [model._meta.db_table])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [model._meta.db_table])


def _span(model: type[Model], month: Month) -> Span:
    low, high = uuid7.floor(month.start), uuid7.floor(month.plus(1).start)
    return Span(partition_name(model, month), low, high)


def _create(model: type[Model], spans: Sequence[Span]) -> None:
    """Create partitions, each in the way for which nobody waits."""
    table = model._meta.db_table
    changes = TableChanges(home(model), table=table, default=default_name(model))
    first_ahead = uuid7.floor(uuid7.from_ms(uuid7.now_ms() + AHEAD_MS) + INSTANT)
    fill_percent = model.index_fill_percent  # type: ignore[attr-defined]
    to_fill = []
    for span in spans:
        names = {**span.names, "percent": sql.Literal(fill_percent)}
        if cluster.is_cluster(home(model)) or _has_few_rows(changes, span):
            changes.run(*_CREATE, names=names)
        elif span.low >= first_ahead:
            _create_ahead(changes, names)
        else:
            to_fill.append(span)
    if to_fill:
        found = [each for each in list_partitions(model) if not each.is_default]
        others = [Span(each.name, each.low, each.high) for each in found]
        Replacement(home(model), table, to_fill, others).run()


def _has_few_rows(changes: TableChanges, span: Span) -> bool:
    """Return whether a look through the default partition, and the move, take a moment."""
    with changes.transaction() as execute:
        [[size, rows]] = execute(_SIZE, [span.low, span.high, FEW_ROWS + 1])
    return bool(size <= SMALL_BYTES and rows <= FEW_ROWS)


def _create_ahead(changes: TableChanges, names: Names) -> None:
    """Create a partition whose rows nobody can have sent, beside a large default one.

    A constraint tells that it has none of them, and is validated while others write.
    """
    changes.run(*_FORBID, names=names)
    try:
        changes.run("ALTER TABLE {default} VALIDATE CONSTRAINT elsewhere")
        changes.run(*_CREATE, names=names)
    finally:
        changes.run(_ALLOW)


_SIZE = """
SELECT pg_relation_size('{default}'), count(*)
  FROM (SELECT id FROM {default} WHERE id >= %s AND id < %s LIMIT %s) AS few
"""
# Of the indexes in the order of ids; PostgreSQL takes no such setting for a partitioned index.
_FILL = """
DO $$
DECLARE name regclass;
BEGIN
    FOR name IN
        SELECT indexrelid FROM pg_index
         WHERE indrelid = '{part}'::regclass
           AND pg_get_indexdef(indexrelid, indnkeyatts, false) = 'id'
    LOOP
        EXECUTE format('ALTER INDEX %s SET (fillfactor = {percent})', name);
    END LOOP;
END $$
"""
# ATTACH locks only the default partition; CREATE TABLE … PARTITION OF would lock the whole table.
_CREATE = (
    "CREATE TABLE {part} (LIKE {table} INCLUDING ALL)",
    _FILL,
    "LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE",
    "WITH moved AS (DELETE FROM {default} WHERE id >= {low} AND id < {high} RETURNING *) "
    "INSERT INTO {part} SELECT * FROM moved",
    "ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({low}) TO ({high})",
)
_ALLOW = "ALTER TABLE {default} DROP CONSTRAINT IF EXISTS elsewhere"
_FORBID = (
    _ALLOW,
    "ALTER TABLE {default} ADD CONSTRAINT elsewhere CHECK (id < {low} OR id >= {high}) NOT VALID",
)
