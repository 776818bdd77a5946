"""Monthly partitions of the event tables, by ranges of their time-ordered ids."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from django.db import connections
from django.db.migrations.operations import CreateModel
from django.db.models import Model
from psycopg import sql

from config.db import (
    deadline,
    uuid7,
)
from config.db.routers import home

MONTHS_AHEAD = 3


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, at: datetime) -> Self:
        """Return the month of a time."""
        return cls(at.year, at.month)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the month of a text such as 2026-11; raises ValueError."""
        return cls.of(datetime.strptime(text, "%Y-%m"))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    def plus(self, months: int) -> "Month":
        """Return the month so many months later."""
        count = self.year * 12 + self.month - 1 + months
        return Month(count // 12, count % 12 + 1)

    def until(self, last: "Month") -> "Iterator[Month]":
        """Yield this month and those after it, the last one included."""
        month = self
        while month <= last:
            yield month
            month = month.plus(1)


class CreatePartitionedModel(CreateModel):
    """Create a model's table partitioned by ranges of `id`, with its default partition.

    Its foreign keys are checked with each statement, where Django's own wait for the commit: the
    writer must learn which row is refused, and a late refusal would take the whole group. Rows
    go with what they refer to, so that no deletion can fail for a row that came meanwhile.
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


def partition_name(model: type[Model], month: Month) -> str:
    """Return the name of a month's partition, such as analytics_event_y2026m11."""
    return f"{model._meta.db_table}_y{month.year:04d}m{month.month:02d}"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition as it is: its rows have ids in [low, high), those of the default one any.

    `rows` is what PostgreSQL estimates, `bytes` is the size on disk with all indexes.
    """

    name: str
    low: UUID
    high: UUID
    is_default: bool
    rows: int
    bytes: int

    @property
    def month(self) -> Month:
        """The month of its first row."""
        return Month.of(uuid7.time_of(self.low))


def listed(model: type[Model]) -> list[Partition]:
    """Return the partitions of a model, the oldest first and the default one last."""
    with connections[home(model)].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), "
            # It knows the first only after an ANALYZE, the second until its next crash.
            "greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)::bigint, "
            "pg_total_relation_size(c.oid) "
            "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = %s::regclass",
            [model._meta.db_table],
        )
        found = [_partition(*values) for values in cursor.fetchall()]
    return sorted(found, key=lambda each: (each.is_default, each.low))


def _partition(name: str, bound: str, rows: int, size: int) -> Partition:
    """Return the partition whose bound PostgreSQL words FOR VALUES FROM ('…') TO ('…')."""
    given = re.fullmatch(r"FOR VALUES FROM \('(.+)'\) TO \('(.+)'\)", bound)
    low, high = (UUID(given[1]), UUID(given[2])) if given else (uuid7.LOWEST, uuid7.HIGHEST)
    return Partition(name, low, high, is_default=given is None, rows=rows, bytes=size)


def existing(model: type[Model]) -> list[str]:
    """Return the names of a model's partitions, the default one included, sorted."""
    return sorted(each.name for each in listed(model))


def default_name(model: type[Model]) -> str:
    """Return the name of a model's default partition."""
    return f"{model._meta.db_table}_default"


def months_in_default(model: type[Model]) -> Iterator[tuple[Month, int]]:
    """Yield the months of which rows lie in the default partition, with their number of rows."""
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
    """Make a month's partition unless it exists; tell whether it was made.

    Rows of that month that already lie in the default partition move into it, in the same
    transaction. Writers wait no longer than the move takes.
    """
    name = partition_name(model, month)
    with deadline.long_transaction(home(model)) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
        if name in existing(model):
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


# ATTACH blocks only the default partition, CREATE … PARTITION OF would block the whole table.
_CREATE = (
    "CREATE TABLE {part} (LIKE {parent} INCLUDING ALL)",
    "LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE",
    "WITH moved AS (DELETE FROM {default} WHERE id >= {low} AND id < {high} RETURNING *) "
    "INSERT INTO {part} SELECT * FROM moved",
    "ALTER TABLE {parent} ATTACH PARTITION {part} FOR VALUES FROM ({low}) TO ({high})",
)
