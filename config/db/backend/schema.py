"""Changes of tables, and whom they keep waiting if a table is large."""

from typing import Any

import humanize
from django.db.backends.postgresql.schema import DatabaseSchemaEditor

from config.db.statement_locks import Waits, effect_of, table_bytes

LARGE_BYTES = 1 << 30  # of a table with its indexes and partitions
NOTICE = """
  {table} has {size}. Until the next statement is done, {who}, a minute or so for each 2 GB:
      {statement}
  If that is too long now, stop it: nothing is changed, and migrate may run in a quiet hour.
"""


class SchemaEditor(DatabaseSchemaEditor):
    """Django's own, which tells before a statement that keeps others waiting for long."""

    def execute(self, sql: Any, params: Any = ()) -> None:
        if not self.collect_sql:
            self._announce(" ".join(str(sql).split()))
        super().execute(sql, params)

    def _announce(self, statement: str) -> None:
        effect, table = effect_of(statement)
        keeps_waiting = effect.reads and effect.waits in (Waits.WRITERS, Waits.ALL)
        size = table_bytes(self.connection, table) if keeps_waiting else None
        if size and size > LARGE_BYTES:
            text, who = humanize.naturalsize(size), effect.waits.value
            print(NOTICE.format(table=table, size=text, who=who, statement=statement))
