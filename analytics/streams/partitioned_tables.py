"""Migrations of tables that are partitioned by ranges of their ids."""

from typing import Any

from django.db.migrations.operations import AlterModelTable, CreateModel


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
            if not schema_editor.collect_sql:
                cursor.execute(f"SET LOCAL lock_timeout = '{self.lock_timeout}'")
                table = schema_editor.quote_name(old)
                cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")  # and its partitions
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
