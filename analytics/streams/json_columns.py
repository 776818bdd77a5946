"""Columns of free-form data: from jsonb, as older versions made them, to json."""

from typing import Any

from django.db import connections
from django.db.migrations import AlterField

from analytics.streams.base import streams
from config.db.json_text import JsonTextField
from config.db.routers import home

MAX_BYTES = 1 << 30  # of a table with its indexes, which PostgreSQL rewrites in half a minute
LATER = """
  {table} has {bytes:,} bytes: its column {column} stays jsonb for now. The service works with it,
  but 1e308 takes 309 bytes, and an event with a number such as 1e-20000 is refused. In a quiet hour
  (nobody can read or write the table meanwhile), run
      {statement}
"""


class AlterToJsonText(AlterField):
    """Make a column of type json of one of type jsonb, unless its table is large.

    While a transaction of somebody else keeps the lock away, writers wait behind it; so it is given
    up soon, nothing is changed, and the migration can be repeated.
    """

    lock_timeout = "2s"

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        table = model._meta.db_table
        size = _size_of(schema_editor, table)
        if size <= MAX_BYTES:
            with schema_editor.connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{self.lock_timeout}'")
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        else:
            change = statement(table, self.name)
            print(LATER.format(table=table, bytes=size, column=self.name, statement=change))


def statement(table: str, column: str) -> str:
    """Return the SQL that makes a column one of type json."""
    return f"ALTER TABLE {table} ALTER COLUMN {column} TYPE json;"


def statements() -> list[str]:
    """Return the SQL for the columns that the migrations have left as they were."""
    return [
        statement(model._meta.db_table, str(field.column))
        for model in streams()
        for field in model._meta.concrete_fields
        if isinstance(field, JsonTextField)
        and _type_of(home(model), model._meta.db_table, str(field.column)) == "jsonb"
    ]


def _type_of(alias: str, table: str, column: str) -> str:
    sql = "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass"
    with connections[alias].cursor() as cursor:
        cursor.execute(f"{sql} AND attname = %s", [table, column])
        [name] = cursor.fetchone()
    return str(name)


def _size_of(schema_editor: Any, table: str) -> int:
    """Return the bytes of a table, its partitions and their indexes."""
    sql = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s)"
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(sql, [table])
        [size] = cursor.fetchone()
    return int(size or 0)
