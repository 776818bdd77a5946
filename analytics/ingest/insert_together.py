"""Rows of several tables in one statement, which is a transaction by itself.

COPYs would need statements that begin and end a transaction around them. Up to some ten rows, this
takes no longer than a single COPY.
"""

from functools import cache
from typing import Any

import msgspec
from django.db import connections
from psycopg import sql

from analytics.ingest.bulk_copy import Parts, Row, Table
from config.api.outcomes import Outcome

MAX_ROWS = 50  # with more, COPY is the quicker
JSON_TYPES = ("json", "jsonb")


def insert_together(parts: Parts) -> list[Outcome]:
    """Store rows that are all new.

    Raises DatabaseError, or UnicodeError, when one of them is known or bad; nothing is stored then.
    """
    statements = [_insert_sql(table) for table, _ in parts]
    statements += [table.brings(rows) for table, rows in parts if table.brings]
    *others, last = statements
    together = ", ".join(f"part{n} AS ({statement})" for n, statement in enumerate(others))
    texts = [_json([_object(table, row) for row in rows]) for table, rows in parts]
    with connections[parts[0][0].alias].cursor() as cursor:
        cursor.execute(f"WITH {together} {last}" if others else last, texts)
    for table, rows in parts:
        if table.on_new_rows:
            table.on_new_rows(rows)
    return [Outcome.STORED for _, rows in parts for _ in rows]


@cache
def _insert_sql(table: Table) -> str:
    names = {
        "table": sql.Identifier(table.model._meta.db_table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, _columns(table))),
    }
    insert = "INSERT INTO {table} ({columns}) SELECT {columns} "
    rows = "FROM json_populate_recordset(NULL::{table}, %s::json)"
    return sql.SQL(insert + rows).format(**names).as_string()


@cache
def _columns(table: Table) -> tuple[str, ...]:
    return tuple(str(field.column) for field in table.model._meta.concrete_fields)


@cache
def _json_columns(table: Table) -> tuple[str, ...]:
    connection = connections[table.alias]
    fields = table.model._meta.concrete_fields
    return tuple(str(each.column) for each in fields if each.db_type(connection) in JSON_TYPES)


def _object(table: Table, row: Row) -> dict[str, Any]:
    """Return a row as an object; what is JSON already stays as it is."""
    values = dict(zip(_columns(table), row, strict=True))
    for name in _json_columns(table):
        if values[name] is not None:
            values[name] = msgspec.Raw(values[name])
    return values


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
