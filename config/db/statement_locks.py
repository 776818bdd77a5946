"""Statements of migrations: whom they keep waiting, what they read, whether older code goes on"""

import re
from dataclasses import dataclass
from enum import Enum

from django.db.backends.base.base import BaseDatabaseWrapper

BYTES_PER_SECOND = (2 << 30) / 60  # of a table that is read or written anew, with its indexes
NAME = r'(?:IF (?:NOT )?EXISTS )?(?:ONLY )?"?(\w+)"?'


class Waits(Enum):
    """Who waits until a statement is done."""

    NOBODY = "nobody waits"
    ROWS = "whoever changes the same rows waits"
    WRITERS = "nobody can write to it"
    ALL = "nobody can read or write it"
    UNKNOWN = "whether others wait is not known"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a kind of statement does: `reads` the whole table, `breaks` code of the version before.

    The first group of the pattern is the table.
    """

    pattern: re.Pattern[str]
    waits: Waits = Waits.NOBODY
    reads: bool = False
    breaks: bool = False


def _effect(pattern: str, waits: Waits, *, reads: bool = False, breaks: bool = False) -> Effect:
    return Effect(re.compile(rf"\s*{pattern}", re.DOTALL | re.IGNORECASE), waits, reads, breaks)


_ALTER = rf"ALTER TABLE {NAME} .*?"
UNKNOWN = _effect(r"()", Waits.UNKNOWN, breaks=True)
# The first that matches counts.
EFFECTS = (
    _effect(r"(?:CREATE (?:OR REPLACE )?(?:FUNCTION|SEQUENCE|TABLE)|COMMENT|SET) ()", Waits.NOBODY),
    _effect(rf"CREATE (?:UNIQUE )?INDEX CONCURRENTLY .*? ON {NAME}", Waits.NOBODY, reads=True),
    _effect(rf"CREATE UNIQUE INDEX .*? ON {NAME}", Waits.WRITERS, reads=True, breaks=True),
    _effect(rf"CREATE INDEX .*? ON {NAME}", Waits.WRITERS, reads=True),
    _effect(rf"{_ALTER}\bVALIDATE CONSTRAINT\b", Waits.NOBODY, reads=True),
    _effect(rf"{_ALTER}\bADD CONSTRAINT\b.*\bNOT VALID\b", Waits.ALL, breaks=True),
    _effect(rf"{_ALTER}\bFOREIGN KEY\b", Waits.WRITERS, reads=True, breaks=True),
    _effect(
        rf"{_ALTER}\b(?:TYPE|SET NOT NULL|ADD CONSTRAINT|GENERATED ALWAYS)\b",
        *(Waits.ALL,),
        reads=True,
        breaks=True,
    ),
    _effect(rf"{_ALTER}\b(?:DROP COLUMN|RENAME|DROP DEFAULT)\b", Waits.ALL, breaks=True),
    _effect(rf"{_ALTER}\bADD COLUMN\b(?!.*\bDEFAULT\b).*\bNOT NULL\b", Waits.ALL, breaks=True),
    _effect(rf"(?:ALTER TABLE|TRUNCATE(?: TABLE)?) {NAME}", Waits.ALL),
    _effect(rf"DROP TABLE {NAME}", Waits.ALL, breaks=True),
    _effect(r"(?:ALTER|DROP) INDEX ()", Waits.ALL),
    _effect(rf"(?:UPDATE|DELETE FROM|INSERT INTO) {NAME}", Waits.ROWS, reads=True),
)


def effect_of(statement: str) -> tuple[Effect, str]:
    """Return what a statement does, and to which table; its name is empty where there is none."""
    for effect in EFFECTS:
        if found := effect.pattern.match(statement):
            return effect, found[1]
    return UNKNOWN, ""


def table_bytes(connection: BaseDatabaseWrapper, table: str) -> int | None:
    """Return the bytes of a table with its indexes and partitions, None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(coalesce(relid, to_regclass(%s)))) "
            "FROM (SELECT) AS one LEFT JOIN pg_partition_tree(to_regclass(%s)) ON true",
            [table, table],
        )
        [size] = cursor.fetchone()
    return None if size is None else int(size)
