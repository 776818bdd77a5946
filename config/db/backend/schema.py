"""Changes of tables, and whom they keep waiting if a table is large."""

import re
from typing import Any

import humanize
from django.db.backends.postgresql.schema import DatabaseSchemaEditor

LARGE_BYTES = 1 << 30  # of a table with its indexes and partitions
# All of these read the whole table, or write it anew, under their lock.
_WRITERS_WAIT = re.compile(
    r'\s*CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).*? ON (?:ONLY )?"?(\w+)"?', re.DOTALL
)
_ALL_WAIT = re.compile(
    r'\s*ALTER TABLE (?:ONLY )?"?(\w+)"? .*?'
    r"(?:\bTYPE\b|\bSET NOT NULL\b|\bADD CONSTRAINT\b(?!.*NOT VALID))",
    re.DOTALL,
)
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
        who, found = "nobody can write to it", _WRITERS_WAIT.match(statement)
        if not found:
            who, found = "nobody can read or write it", _ALL_WAIT.match(statement)
        if found and (size := self._size_of(found[1])) > LARGE_BYTES:
            text = humanize.naturalsize(size)
            print(NOTICE.format(table=found[1], size=text, who=who, statement=statement))

    def _size_of(self, table: str) -> int:
        """Return the bytes of a table that is there, and of its partitions."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT sum(pg_total_relation_size(coalesce(relid, to_regclass(%s)))) "
                "FROM (SELECT) AS one LEFT JOIN pg_partition_tree(to_regclass(%s)) ON true",
                [table, table],
            )
            [[size]] = cursor.fetchall()
        return int(size or 0)
