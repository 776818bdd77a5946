"""Migrations that are still to be made, and who would have to wait meanwhile."""

import re
from collections.abc import Iterable

from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from analytics.doctor.checks import Finding, check_of_each_database, fail, ok

ALL_WAIT = "all wait for"  # ACCESS EXCLUSIVE
WRITERS_WAIT = "writers wait for"  # SHARE, SHARE ROW EXCLUSIVE
CODE_RUNS = "code changes rows, see the migration"
NAME = r'(?:ONLY )?"?(\w+)"?'
# The first pattern that a statement matches tells who waits for the tables that it names.
LOCKS: tuple[tuple[str, str | None], ...] = (
    (r"(?:CREATE|DROP)\b.* INDEX CONCURRENTLY ", None),
    (rf"CREATE TABLE {NAME} PARTITION OF {NAME}", ALL_WAIT),
    (rf"ALTER TABLE {NAME} VALIDATE ", None),
    (rf"ALTER TABLE {NAME} ADD CONSTRAINT .* FOREIGN KEY .* REFERENCES {NAME}", WRITERS_WAIT),
    (rf"ALTER TABLE {NAME} ADD COLUMN .* REFERENCES {NAME}", ALL_WAIT),
    (rf"(?:ALTER|DROP|TRUNCATE) TABLE (?:IF EXISTS )?{NAME}", ALL_WAIT),
    (rf"DROP INDEX (?:IF EXISTS )?{NAME}", ALL_WAIT),
    (rf"CREATE (?:UNIQUE )?INDEX .* ON {NAME}", WRITERS_WAIT),
    (rf"LOCK TABLE {NAME}", ALL_WAIT),
)
CREATES = rf"CREATE TABLE {NAME}"
SHOWN = 3
NO_SQL = "THIS OPERATION CANNOT BE WRITTEN AS SQL"


@check_of_each_database("migrations")
def pending(alias: str) -> Finding:
    """List what `migrate` would do, and which tables it would lock."""
    connection = connections[alias]
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return ok("all are made")
    loader = MigrationLoader(connection, replace_migrations=False)
    waits = waits_of(loader.collect_sql(plan))
    names = [f"{migration.app_label} {migration.name}" for migration, _ in plan]
    more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return fail(
        f"{', '.join(names[:SHOWN] + more)}; {'; '.join(waits) or 'nobody waits'}",
        f"Run: python manage.py migrate --database {alias}",
    )


def waits_of(statements: Iterable[str]) -> list[str]:
    """Return in words who would have to wait for which tables, new ones left out."""
    new: set[str] = set()
    waits: dict[str, list[str]] = {}
    for statement in statements:
        if NO_SQL in statement:
            waits[CODE_RUNS] = []
        if created := re.match(CREATES, statement):
            new.add(created[1])
        for pattern, who in LOCKS:
            if found := re.match(pattern, statement, re.DOTALL):
                tables = [table for table in found.groups() if who and table not in new]
                known = waits.setdefault(who, []) if who and tables else []
                known += [table for table in tables if table not in known]
                break
    return [f"{who} {', '.join(tables)}".rstrip() for who, tables in waits.items()]
