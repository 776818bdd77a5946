"""Moves rows out of a default partition while others go on to read and write it.

To delete and insert many rows, and the scan by which PostgreSQL attaches a partition beside a
default one, would keep all writers of the table waiting. So the default partition is replaced as a
whole. Its rows are copied batch by batch, into tables for the months and one for the rest, while a
trigger notes what changes; what has changed is copied again, until that is little. Then one short
transaction copies the last changes, detaches the old default partition and attaches the copies.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from psycopg import sql

from analytics.streams.locks import Execute, TableChanges, TableInUse, TooBusy
from config.db import uuid7

BATCH_ROWS = 2_000
FEW_CHANGES, MOST_CHANGES = 200, 1_000  # of which the last ones are copied under the lock
MAX_ROUNDS = 50  # of copying changes before each attempt
VACUUM_LOCK_MS = 10_000  # a vacuum gives way after a second, and no writer waits for this lock


@dataclass(frozen=True, slots=True)
class Span:
    """A partition for the rows with ids in [low, high), or any others if it has no bounds."""

    name: str
    low: UUID
    high: UUID
    is_default: bool = False

    @property
    def names(self) -> dict[str, sql.Composable]:
        """What statements may name of it; `new` is its table until it is attached."""
        low, high = (sql.Literal(str(id)) for id in (self.low, self.high))
        part, new = (sql.Identifier(name) for name in (self.name, f"{self.name}_new"))
        return {"part": part, "new": new, "low": low, "high": high}


class Replacement:
    """A default partition that is replaced by partitions of some spans, and one for the rest.

    others: the partitions that are there, which have none of its rows.
    """

    def __init__(
        self, alias: str, table: str, spans: Sequence[Span], others: Sequence[Span]
    ) -> None:
        self._table, self._others = table, others
        self._spans = sorted(spans, key=lambda span: span.low)
        self._rest = Span(f"{table}_default", uuid7.LOWEST, uuid7.HIGHEST, is_default=True)
        self._changes = TableChanges(
            alias,
            **{"table": table, "default": self._rest.name, "gone": f"{table}_default_old"},
            **{"changes": f"{table}_changes", "note": f"{table}_note_change"},
        )

    def run(self) -> None:
        """Replace it; raises TableInUse, and every row is where it was then."""
        self._discard()
        try:
            self._note_changes()
            for span in (*self._spans, self._rest):
                self._make_table(span)
            for low, high, target in self._segments():
                self._copy(low, high, target)
            for span in (*self._spans, self._rest):
                self._changes.run("ANALYZE {new}", names=span.names)
            self._changes.try_often(self._swap)
            for span in self._spans:
                with suppress(TableInUse):  # it says what the bounds say
                    self._changes.run(_DROP_CHECK, names=span.names)
        finally:
            self._discard()

    def _note_changes(self) -> None:
        """Let a trigger note the ids of rows that change from now on."""
        self._changes.run("CREATE UNLOGGED TABLE {changes} (id uuid NOT NULL)", _NOTE)
        # A vacuum would keep the other locks away.
        self._changes.run(
            "ALTER TABLE {default} SET (autovacuum_enabled = off)", lock_ms=VACUUM_LOCK_MS
        )
        self._changes.run(_TRIGGER)

    def _make_table(self, span: Span) -> None:
        """Make a table for copies, with constraints that spare PostgreSQL a look at its rows."""
        with self._changes.transaction() as execute:
            references = execute(_REFERENCES, [self._table])
        self._changes.run(
            "CREATE TABLE {new} (LIKE {table} INCLUDING ALL)",
            "ALTER TABLE {new} ADD CONSTRAINT only_these CHECK ({check})",
            *("ALTER TABLE {new} ADD " + text for (text,) in references),
            names={**span.names, "check": self._condition(span)},
        )

    def _condition(self, span: Span) -> sql.Composable:
        """Return what is true of the ids of a table's rows."""
        if not span.is_default:
            return sql.SQL("id >= {low} AND id < {high}").format(**span.names)
        outside = sql.SQL("(id < {low} OR id >= {high})")
        others = [outside.format(**each.names) for each in (*self._others, *self._spans)]
        return sql.SQL(" AND ").join(others)

    def _segments(self) -> Iterator[tuple[UUID, UUID, Span]]:
        """Yield ranges of ids, in order, each with the table for its rows."""
        low = uuid7.LOWEST
        for span in self._spans:
            yield low, span.low, self._rest
            yield span.low, span.high, span
            low = span.high
        yield low, uuid7.HIGHEST, self._rest

    def _copy(self, low: UUID, high: UUID, target: Span) -> None:
        """Copy the rows of a range, a batch a transaction."""
        while low < high:
            with self._changes.transaction() as execute:
                found = execute(_COPY, [low, high, BATCH_ROWS], names=target.names)
            low = uuid7.next_after(found[0][0]) if found else high

    def _swap(self) -> None:
        """Copy the last changes, and put the copies in the place of the default partition."""
        self._follow()
        with self._changes.transaction() as execute:
            execute("LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")
            execute("LOCK TABLE ONLY {default} IN ACCESS EXCLUSIVE MODE")
            if self._sync(execute, MOST_CHANGES) == MOST_CHANGES:
                raise TooBusy
            execute("ALTER TABLE {table} DETACH PARTITION {default}")
            execute("ALTER TABLE {default} RENAME TO {gone}")
            for span in (*self._spans, self._rest):
                for statement in _ATTACH_REST if span.is_default else _ATTACH:
                    execute(statement, names=span.names)

    def _follow(self) -> None:
        """Copy what has changed until that is little, or does not become less."""
        for _ in range(MAX_ROUNDS):
            with self._changes.transaction() as execute:
                if self._sync(execute, BATCH_ROWS) <= FEW_CHANGES:
                    return

    def _sync(self, execute: Execute, most: int) -> int:
        """Copy rows again that have changed since they were copied; return how many changes."""
        taken = execute(_TAKE_CHANGES, [most])
        ids = {id for (id,) in taken}
        for target, some in groupby(sorted(ids), self._target):
            values = [list(some)]
            for statement in _COPY_AGAIN:
                execute(statement, values, names=target.names)
        return len(taken)

    def _target(self, id: UUID) -> Span:
        return next((span for span in self._spans if span.low <= id < span.high), self._rest)

    def _discard(self) -> None:
        """Drop what is left over of this, or of a run that was interrupted."""
        with self._changes.transaction() as execute:
            has_trigger = execute(_HAS_TRIGGER, [f"{self._table}_default"])
            names = [name for (name,) in execute(_LEFT_OVER, [self._table] * 2)]
        if has_trigger:
            # For this lock no reader is waited for; those who write come before it or after.
            self._changes.run(
                "ALTER TABLE {default} DISABLE TRIGGER note_change",
                "DROP TABLE IF EXISTS {changes}",
            )
        for name in names:
            self._changes.run("DROP TABLE IF EXISTS {name}", names={"name": sql.Identifier(name)})
        with suppress(TableInUse):  # the next run drops it, and the trigger that uses it
            self._changes.run("DROP FUNCTION IF EXISTS {note} CASCADE")
        self._changes.run(
            "ALTER TABLE {default} RESET (autovacuum_enabled)", lock_ms=VACUUM_LOCK_MS
        )


_NOTE = """
CREATE FUNCTION {note}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {changes} VALUES (coalesce(NEW.id, OLD.id));
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON {default}
    FOR EACH ROW EXECUTE FUNCTION {note}()
"""
_REFERENCES = """
SELECT pg_get_constraintdef(oid) FROM pg_constraint
 WHERE conrelid = %s::regclass AND contype = 'f'
"""
_COPY = """
WITH batch AS (
    SELECT * FROM {default} WHERE id >= %s AND id < %s ORDER BY id LIMIT %s
), copied AS (INSERT INTO {new} SELECT * FROM batch RETURNING id)
SELECT id FROM copied ORDER BY id DESC LIMIT 1
"""
_TAKE_CHANGES = """
DELETE FROM {changes} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {changes} LIMIT %s)) RETURNING id
"""
_COPY_AGAIN = (
    "DELETE FROM {new} WHERE id = ANY(%s)",
    "INSERT INTO {new} SELECT * FROM {default} WHERE id = ANY(%s)",
)
_DROP_CHECK = "ALTER TABLE {part} DROP CONSTRAINT only_these"
_ATTACH = (
    "ALTER TABLE {new} RENAME TO {part}",
    "ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({low}) TO ({high})",
)
_ATTACH_REST = (
    "ALTER TABLE {new} RENAME TO {part}",
    "ALTER TABLE {table} ATTACH PARTITION {part} DEFAULT",
    _DROP_CHECK,
)
_HAS_TRIGGER = """
SELECT 1 FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = 'note_change'
"""
_LEFT_OVER = r"""
SELECT relname FROM pg_class
 WHERE relkind = 'r' AND NOT relispartition
   AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = %s::regclass)
   AND relname ~ ('^' || %s || '_(changes|default_old|default_new|y\d\d\d\dm\d\d_new)$')
"""
