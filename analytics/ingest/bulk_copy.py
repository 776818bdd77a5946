"""Rows on their way into tables: by COPY where all are new, else by INSERT ... ON CONFLICT.

COPY is the quicker one (twice as quick for a group of 64 rows, no slower for one row), but a single
row that is known or bad fails all of it. So it comes first, and a transaction that it failed is
repeated with INSERT, which leaves known rows alone and can be bisected down to the bad ones.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self, TypeVar

from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InternalError,
    connections,
    transaction,
)
from django.db.models import F, Model
from django.db.models.expressions import Combinable
from prometheus_client import Counter
from psycopg import sql

from analytics.ingest.copy_text import ColumnWriter, chunks, writer_of
from config.api.outcomes import Outcome
from config.db.copying import copy_with
from config.db.routers import home

logger = logging.getLogger(__name__)

ROW_ERRORS = {"54", "P0"}  # program_limit_exceeded, raise_exception of a trigger

Row = tuple[Any, ...]  # a value for each column of its table, the id first
OnNewRows = Callable[[Sequence[Row]], None]
StatementFor = Callable[[Sequence[Row]], str]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)  # hashed by identity, for each row handed over
class Table:
    """Where rows go: a model's table with its columns, in the order of the model's fields.

    `model` reads what is stored. `on_new_rows` is called with the rows that were new, within their
    transaction. It must take its locks in the same order in every process, and comes after all rows
    are stored, since what it locks others may wait for. Rows of the table `beside` may be handed
    over among its own, and are stored in the same transaction. `brings` returns a statement to
    come with new rows, such as one that stores what they are marked with; it must wait for nobody.

    `owner` is the field of a row that names its caller, and `stored_owner` the same as an
    expression: nobody gets the id of another caller's row. Changes may be about rows that have
    `has_followers`. `counter` counts rows that were stored.
    """

    alias: str
    model: type[Model]
    copy_sql: str
    writers: tuple[ColumnWriter, ...]  # one for each column
    insert_sql: str
    on_new_rows: OnNewRows | None = None
    beside: Self | None = None
    brings: StatementFor | None = None
    owner: str | None = None
    stored_owner: Combinable = field(default_factory=lambda: F("user_id"))
    has_followers: bool = False
    counter: Counter | None = None

    @classmethod
    def of(cls, model: type[Model], **options: Any) -> Self:
        """Return the table of a model whose first field is `id`; the options are fields of it."""
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
            model=model,
            copy_sql=sql.SQL("COPY {table} ({columns}) FROM STDIN").format(**names).as_string(),
            writers=tuple(writer_of(str(field.db_type(connection))) for field in fields),
            insert_sql=sql.SQL(
                "INSERT INTO {table} ({columns}) SELECT * FROM unnest({arrays}) "
                "ON CONFLICT (id) DO NOTHING RETURNING id"
            )
            .format(**names)
            .as_string(),
            **options,
        )

    @property
    def name(self) -> str:
        return str(self.model._meta.model_name)

    @property
    def row_type(self) -> Any:
        return self.model.row  # type: ignore[attr-defined]

    item_type = row_type

    def split(self, rows: Sequence[Row]) -> "Parts":
        """Return rows, in their order, by their tables: own ones last, for `on_new_rows`."""
        if self.beside is None:
            return [(self, rows)]
        other_type = self.beside.row_type
        others = [row for row in rows if type(row) is other_type]
        if not others:
            return [(self, rows)]
        own = [row for row in rows if type(row) is not other_type]
        return [(self.beside, others), (self, own)] if own else [(self.beside, others)]


Parts = Sequence[tuple[Table, Sequence[Row]]]  # tables, with rows that are stored in this order


def copy_rows(table: Table, rows: Sequence[Row]) -> list[Outcome]:
    """Store rows that are all new, by COPY.

    Raises DatabaseError when one of them is known or bad; nothing is stored then.
    """
    connection = connections[table.alias]
    connection.ensure_connection()
    statements = f"{table.brings(rows)}; {table.copy_sql}" if table.brings else table.copy_sql
    try:
        with connection.wrap_database_errors:  # COPY is psycopg's own, Django wraps no error of it
            copy_with(connection.connection, statements, chunks(rows, table.writers))
    except InternalError as error:  # what a node of a cluster says of a row comes without its state
        raise IntegrityError(str(error)) from error
    if table.on_new_rows:
        table.on_new_rows(rows)
    return [Outcome.STORED] * len(rows)


def insert_ignoring_duplicates(table: Table, rows: Sequence[Row]) -> list[Outcome]:
    """Store rows of which some may be known or bad, within an open transaction.

    A row whose id is known is a DUPLICATE and changes nothing; a bad one is WRITE_FAILED.
    """
    outcomes = bisect_on_error(table.alias, rows, partial(_insert, table))
    pairs = zip(rows, outcomes, strict=True)
    new = [row for row, outcome in pairs if outcome is Outcome.STORED]
    if new:
        _follow(table, new)
    return outcomes


def _follow(table: Table, rows: Sequence[Row]) -> None:
    """Store what comes with new rows, and count them."""
    if table.brings:
        with connections[table.alias].cursor() as cursor:
            cursor.execute(table.brings(rows))
    if table.on_new_rows:
        table.on_new_rows(rows)


def bisect_on_error(
    alias: str, items: Sequence[Item], store: Callable[[Sequence[Item]], list[Outcome]]
) -> list[Outcome]:
    """Store items in a savepoint; if an item makes that fail, store each half in its own.

    So a bad item ends up alone, after as many steps as its group can be halved.
    """
    try:
        with transaction.atomic(using=alias):
            return store(items)
    except (DatabaseError, UnicodeError) as error:
        if not is_row_error(error):
            raise
        if len(items) == 1:
            logger.warning("Row refused by the database: %s", error)
            return [Outcome.WRITE_FAILED]
    middle = len(items) // 2
    return [
        *bisect_on_error(alias, items[:middle], store),
        *bisect_on_error(alias, items[middle:], store),
    ]


def is_row_error(error: Exception) -> bool:
    """Return whether an error is about a row: its data, a constraint, a limit, what a trigger says.

    A text that UTF-8 cannot encode, such as a lone surrogate, fails before it is sent.
    """
    is_data_error = isinstance(error, DataError | IntegrityError | UnicodeError)
    return is_data_error or _sqlstate(error)[:2] in ROW_ERRORS


def is_serialization_failure(error: Exception) -> bool:
    """Return whether an error is a deadlock or a failed serialization, which a retry may mend."""
    return _sqlstate(error)[:2] == "40"  # transaction_rollback


def is_connection_unusable(error: Exception) -> bool:
    """Return whether an error says that no connection to this server can write, or go on.

    After a failover a connection may still lead to the server that is a standby now.
    """
    state = _sqlstate(error)
    return state == "25006" or state[:4] == "57P0"  # read_only_sql_transaction; it shuts down


def columns_of(rows: Sequence[Row]) -> list[list[str | None]]:
    """Return the values of each column, as texts: the parameters of `insert_sql`.

    An array has one type, and psycopg refuses one of 80 and 55.5. PostgreSQL reads each text as
    the type of its column, as it does in COPY.
    """
    return [
        [None if value is None else str(value) for value in column]
        for column in zip(*rows, strict=True)
    ]


def _insert(table: Table, rows: Sequence[Row]) -> list[Outcome]:
    with connections[table.alias].cursor() as cursor:
        cursor.execute(table.insert_sql, columns_of(rows))
        new = {id for (id,) in cursor.fetchall()}
    return [Outcome.STORED if row[0] in new else Outcome.DUPLICATE for row in rows]


def _sqlstate(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""
