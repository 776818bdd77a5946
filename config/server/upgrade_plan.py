"""What an upgrade of a database will do: its pending migrations, and what they lock"""

from dataclasses import dataclass
from textwrap import shorten

from django.db import DatabaseError, connections, router
from django.db.migrations import Migration, RunPython
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from config.db.statement_locks import BYTES_PER_SECOND, UNKNOWN, Effect, effect_of, table_bytes

MAX_LENGTH = 100  # characters of a statement that are shown


class UnknownHistoryError(Exception):
    """A database has other migrations than this version could have made."""


@dataclass(frozen=True, slots=True)
class Step:
    """A statement of a migration, shortened, and its table with the size that it has now."""

    statement: str
    effect: Effect
    table: str
    bytes: int

    @property
    def seconds(self) -> float:
        """About how long it takes; the time of code is not known."""
        return self.bytes / BYTES_PER_SECOND if self.effect.reads else 0


@dataclass(frozen=True, slots=True)
class PendingMigration:
    """A migration that a database lacks."""

    name: str
    steps: list[Step]

    @property
    def breaks(self) -> list[Step]:
        """The steps after which the version before cannot work, or might not."""
        return [step for step in self.steps if step.effect.breaks]


def plan(alias: str) -> list[PendingMigration]:
    """Return the migrations that a database lacks, in their order; nothing is changed.

    Raises UnknownHistoryError.
    """
    executor = MigrationExecutor(connections[alias])
    _require_known_history(executor.loader, alias)
    return [
        PendingMigration(f"{migration.app_label} {migration.name}", _steps(executor, migration))
        for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())
    ]


def _require_known_history(loader: MigrationLoader, alias: str) -> None:
    try:
        loader.check_consistent_history(connections[alias])
    except InconsistentMigrationHistory as error:
        raise UnknownHistoryError(str(error)) from error
    ours = {*loader.disk_migrations}.union(
        *(each.replaces for each in loader.replacements.values())
    )
    others = [
        key for key in loader.applied_migrations.keys() - ours if key[0] in loader.migrated_apps
    ]
    if others:
        names = shorten(", ".join(sorted(map(" ".join, others))), MAX_LENGTH)
        raise UnknownHistoryError(f"it has migrations of a newer version: {names}")


def is_empty(alias: str) -> bool:
    """Return whether a database has no table yet, so that nobody can wait for one."""
    return not MigrationExecutor(connections[alias]).loader.applied_migrations


def _steps(executor: MigrationExecutor, migration: Migration) -> list[Step]:
    """Return the steps of a migration that concern tables which are there, and its code."""
    if not executor.loader.applied_migrations:
        return []
    alias = executor.connection.alias
    code = [
        Step(_description(each), UNKNOWN, "", 0)
        for each in migration.operations
        if isinstance(each, RunPython)
        and router.allow_migrate(alias, migration.app_label, **each.hints)
    ]
    try:
        texts = executor.loader.collect_sql([(migration, False)])
    except (ValueError, DatabaseError):  # it looks for what an earlier one has to make
        return [Step("not known before the migrations that come first", UNKNOWN, "", 0)]
    steps = [_step(alias, statement) for text in texts for statement in _statements(text)]
    return [step for step in steps if step] + code


def _statements(text: str) -> list[str]:
    """Return the statements of a collected text, each on one line, without comments."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    joined = " ".join(" ".join(lines).split())
    parts = [joined] if "$$" in joined else joined.split(";")
    return [part.strip() for part in parts if part.strip(" ;")]


def _step(alias: str, statement: str) -> Step | None:
    """Return the step of a statement, None where it concerns no table that is there."""
    effect, table = effect_of(statement)
    size = table_bytes(connections[alias], table) if table else None
    if size is None and effect is not UNKNOWN:
        return None
    return Step(shorten(statement, MAX_LENGTH), effect, table, size or 0)


def _description(operation: RunPython) -> str:
    name = getattr(operation.code, "__name__", "code")
    title = (operation.code.__doc__ or "").strip().partition("\n")[0]
    return f"runs {name}: {title}" if title else f"runs {name}"
