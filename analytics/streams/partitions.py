"""Monthly partitions of the event tables, by ranges of their time-ordered ids."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from django.db import connections
from django.db.migrations.operations import AlterModelTable, CreateModel
from django.db.models import Model
from psycopg import sql

from config.db import deadline, uuid7
from config.db.routers import home

MONTHS_AHEAD = 3


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


class CreatePartitionedModel(CreateModel):
    """Create a model's table partitioned by ranges of `id`, with its default partition.

    Foreign keys are checked by each statement, not at the commit as Django's own are: the writer
    must find out which row is invalid, where a failing commit would refuse its whole group. They
    cascade, so that no deletion fails for a row that refers to a deleted one and was added
    meanwhile.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        schema_editor.sql_create_table += " PARTITION BY RANGE (id)"
        keys = schema_editor.sql_create_fk
        schema_editor.sql_create_fk = keys.replace("%(deferrable)s", " ON DELETE CASCADE")
        super().database_forwards(app_label, schema_editor, from_state, to_state)
        del schema_editor.sql_create_table, schema_editor.sql_create_fk  # back to the class's
        table = schema_editor.quote_name(model._meta.db_table)
        default = schema_editor.quote_name(f"{model._meta.db_table}_default")
        schema_editor.execute(f"CREATE TABLE {default} PARTITION OF {table} DEFAULT")


class RenamePartitionedTable(AlterModelTable):
    """Rename a model's table, and all that carries its name: partitions, indexes, constraints.

    Nothing is rewritten. From the lock until the commit all use of the table waits: 0.1 seconds
    with 60 partitions. While a transaction of somebody else keeps the lock away, writers wait
    behind it; so it is given up soon, nothing is changed, and the migration can be repeated.
    """

    lock_timeout = "2s"  # an autovacuum that is in the way is cancelled after one

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        old = from_state.apps.get_model(app_label, self.name)._meta.db_table
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{self.lock_timeout}'")
            # The lock includes the partitions.
            cursor.execute(f"LOCK TABLE {schema_editor.quote_name(old)} IN ACCESS EXCLUSIVE MODE")
            cursor.execute(_NAMED_AFTER, {"table": old})
            found = cursor.fetchall()
        for kind, name in found:
            names = {"table": old, "old": name, "new": model._meta.db_table + name[len(old) :]}
            quoted = {key: schema_editor.quote_name(value) for key, value in names.items()}
            schema_editor.execute(_RENAME[kind].format(**quoted))


_RENAME = {
    "constraint": "ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}",
    "index": "ALTER INDEX {old} RENAME TO {new}",  # and the constraint that it serves
    "table": "ALTER TABLE {old} RENAME TO {new}",
}
# Constraints without an index are renamed with those of the partitions, if these have the same
# name: after an upgrade from PostgreSQL 17, NOT NULL has another one in each.
_NAMED_AFTER = """
    WITH tree AS (SELECT relid::oid AS id FROM pg_partition_tree(%(table)s::text::regclass)),
    named (kind, name) AS (
        SELECT 'constraint', conname FROM pg_constraint
        WHERE conrelid IN (TABLE tree) AND contype IN ('c', 'n')
        GROUP BY conname HAVING count(*) = (SELECT count(*) FROM tree)
        UNION ALL
        SELECT CASE WHEN relkind IN ('i', 'I') THEN 'index' ELSE 'table' END, relname
        FROM pg_class LEFT JOIN pg_index ON indexrelid = oid
        WHERE oid IN (TABLE tree) OR indrelid IN (TABLE tree)
    )
    SELECT kind, name FROM named
    WHERE name = %(table)s::text OR starts_with(name, %(table)s::text || '_')
    ORDER BY kind
"""


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


def list_partitions(model: type[Model]) -> list[Partition]:
    """Return the partitions of a model, the oldest first and the default one last."""
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
    """Create a month's partition unless it exists; return whether it was created.

    Rows of that month in the default partition move to it in the same transaction. Writers wait
    only for this move.
    """
    name = partition_name(model, month)
    with deadline.long_transaction(home(model)) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
        if name in partition_names(model):
            return False
        names = {
            "parent": sql.Identifier(model._meta.db_table),
            "default": sql.Identifier(default_name(model)),
            "part": sql.Identifier(name),
            "low": sql.Literal(str(uuid7.floor(month.start))),
            "high": sql.Literal(str(uuid7.floor(month.plus(1).start))),
        }
        for statement in _CREATE:
            cursor.execute(sql.SQL(statement).format(**names).as_string())
    return True


# ATTACH locks only the default partition; CREATE TABLE … PARTITION OF would lock the whole table.
_CREATE = (
    "CREATE TABLE {part} (LIKE {parent} INCLUDING ALL)",
    "LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE",
    "WITH moved AS (DELETE FROM {default} WHERE id >= {low} AND id < {high} RETURNING *) "
    "INSERT INTO {part} SELECT * FROM moved",
    "ALTER TABLE {parent} ATTACH PARTITION {part} FOR VALUES FROM ({low}) TO ({high})",
)
