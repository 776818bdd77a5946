"""Storing a group of rows in one transaction, by COPY wherever that is possible."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any, Self, TypeVar
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError, connections, transaction
from django.db.models import Model
from psycopg import sql

from config.db.routers import home

logger = logging.getLogger(__name__)

Row = tuple[Any, ...]  # a value for each column of its table, the id first
OnNewRows = Callable[[Sequence[Row]], None]
Item = TypeVar("Item")


class Written(Enum):
    """What became of one row, or of one change."""

    NEW = auto()
    DUPLICATE = auto()  # its id was there before; nothing was changed
    CHANGED = auto()
    TARGET_MISSING = auto()  # what it refers to is not there; nothing was changed
    REFUSED = auto()  # the database refuses it for itself


@dataclass(frozen=True, slots=True)
class Table:
    """Where rows go: a model's table with its columns, in the order of the model's fields.

    `on_new_rows` is given the rows that were new, within their transaction. It must take its locks
    in the same order in every process.
    """

    alias: str
    copy_sql: str
    insert_sql: str
    on_new_rows: OnNewRows | None = None

    @classmethod
    def of(cls, model: type[Model], *, on_new_rows: OnNewRows | None = None) -> Self:
        """Return the table of a model whose first field is `id`."""
        fields = model._meta.concrete_fields
        connection = connections[home(model)]
        names = {
            "table": sql.Identifier(model._meta.db_table),
            "columns": sql.SQL(", ").join(sql.Identifier(str(field.column)) for field in fields),
            "arrays": sql.SQL(", ").join(
                # Without a length: a cast to varchar(8) would cut, where the column refuses.
                sql.SQL(f"%s::{str(field.db_type(connection)).partition('(')[0]}[]")
                for field in fields
            ),
        }
        return cls(
            alias=home(model),
            copy_sql=sql.SQL("COPY {table} ({columns}) FROM STDIN").format(**names).as_string(),
            insert_sql=sql.SQL(
                "INSERT INTO {table} ({columns}) SELECT * FROM unnest({arrays}) "
                "ON CONFLICT (id) DO NOTHING RETURNING id"
            )
            .format(**names)
            .as_string(),
            on_new_rows=on_new_rows,
        )


Rows = Mapping[Table, Mapping[UUID, Row]]
Results = dict[UUID, Written]


def copy_rows(rows: Rows) -> Results:
    """Store rows of which none is known and none is bad: one COPY for each table.

    To be called inside a transaction. Raises DatabaseError when one of them is.
    """
    for table, by_id in rows.items():
        connection = connections[table.alias]
        with (
            connection.wrap_database_errors,  # COPY is psycopg's own, Django wraps no error of it
            connection.cursor() as cursor,
            cursor.copy(table.copy_sql) as copy,
        ):
            for row in by_id.values():
                copy.write_row(row)
    results = {id: Written.NEW for by_id in rows.values() for id in by_id}
    _call_hooks(rows, results)
    return results


def insert_ignoring_duplicates(rows: Rows) -> Results:
    """Store rows of which some may be known or bad; to be called inside a transaction.

    Rows go in the order of their ids, so that two processes with the same ids cannot deadlock.
    """
    results: Results = {}
    for table, by_id in rows.items():
        ordered = sorted(by_id.values())
        written = bisect_on_error(table.alias, ordered, partial(_insert, table))
        results |= {row[0]: what for row, what in zip(ordered, written, strict=True)}
    _call_hooks(rows, results)
    return results


def _call_hooks(rows: Rows, results: Results) -> None:
    """Count what is new, after the rows of all tables: so locks come in one order everywhere."""
    for table in sorted(rows, key=lambda table: table.copy_sql):
        new = [row for id, row in rows[table].items() if results[id] is Written.NEW]
        if table.on_new_rows and new:
            table.on_new_rows(new)


def bisect_on_error(
    alias: str, items: Sequence[Item], store: Callable[[Sequence[Item]], list[Written]]
) -> list[Written]:
    """Store items in a savepoint; where that is refused, each half of them in one of its own."""
    try:
        with transaction.atomic(using=alias):
            return store(items)
    except (DatabaseError, UnicodeError) as error:
        if not is_row_error(error):
            raise
        if len(items) == 1:
            logger.warning("The database refuses a row for itself: %s", error)
            return [Written.REFUSED]
    middle = len(items) // 2
    return [
        *bisect_on_error(alias, items[:middle], store),
        *bisect_on_error(alias, items[middle:], store),
    ]


def is_row_error(error: Exception) -> bool:
    """Tell whether an error is about the rows: their data, a constraint, or a limit of size.

    A text that UTF-8 cannot say, such as a lone surrogate, does not even reach the database.
    """
    is_of_data = isinstance(error, DataError | IntegrityError | UnicodeError)
    return is_of_data or _sqlstate(error)[:2] == "54"


def is_serialization_failure(error: Exception) -> bool:
    """Tell whether an error is a deadlock or a failed serialization, which a retry may mend."""
    return _sqlstate(error)[:2] == "40"


def _insert(table: Table, rows: Sequence[Row]) -> list[Written]:
    with connections[table.alias].cursor() as cursor:
        cursor.execute(table.insert_sql, [list(column) for column in zip(*rows, strict=True)])
        new = {id for (id,) in cursor.fetchall()}
    return [Written.NEW if row[0] in new else Written.DUPLICATE for row in rows]


def _sqlstate(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""
