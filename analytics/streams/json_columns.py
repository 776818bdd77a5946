"""Columns of free-form data: from jsonb, as older versions made them, to json."""

from typing import Any

from django.db.migrations import AlterField

MAX_BYTES = 1 << 30  # of a table with its indexes, which PostgreSQL rewrites in about ten seconds
LATER = """
  {table} has {bytes:,} bytes: its column {column} stays jsonb for now. The service works with it,
  but 1e308 takes 309 bytes, and an event with a number such as 1e-20000 is refused. In a quiet hour
  (nobody can read or write the table meanwhile), run
      ALTER TABLE {table} ALTER COLUMN {column} TYPE json;
"""


class AlterToJsonText(AlterField):
    """Make a column of type json of one of type jsonb, unless its table is large."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        table = model._meta.db_table
        size = _size_of(schema_editor, table)
        if size <= MAX_BYTES:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        else:
            print(LATER.format(table=table, bytes=size, column=self.name))


def _size_of(schema_editor: Any, table: str) -> int:
    """Return the bytes of a table, its partitions and their indexes."""
    sql = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s)"
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(sql, [table])
        [size] = cursor.fetchone()
    return int(size or 0)
