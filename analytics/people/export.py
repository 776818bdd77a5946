"""Export of all that is stored about a person, row by row"""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from analytics.people import rejected
from analytics.people.person import Person
from analytics.reports.models import WebsiteSession, WebsiteVisitor
from analytics.streams.base import streams
from config.db import deadline
from config.db.json_text import TextObject
from config.db.routers import home
from websites import account_records
from websites.models import User

FETCHED_ROWS = 2_000
SECRETS = {"password", "api_key_hash", "token_hash", "session_key", "session_data"}
HITS = ("hit_times", "hit_pages", "hit_names", "hit_hosts", "hit_seconds", "hit_scrolls")
Row = dict[str, Any]


def lines(person: Person) -> Iterator[bytes]:
    """Yield a line of JSON for each row: its table, and its columns but those that are secret."""
    for rows in _queries(person):
        yield from (_line(rows.model._meta.db_table, row) for row in _read(rows))
    for visitor in WebsiteVisitor.objects.of_person(person):
        for row in _read(WebsiteSession.with_hits_of(visitor)):
            yield _line(WebsiteSession._meta.db_table, _own_hits(row, visitor.number))


def _queries(person: Person) -> "Iterator[QuerySet[Any]]":
    if person.user_id:
        for user in User.objects.filter(pk=person.user_id):
            yield from account_records.records_of(user)
        for key in account_records.login_sessions(person.user_id):
            yield Session.objects.filter(session_key=key)
    for model in streams():
        if model is not WebsiteSession:
            yield from model.rows_of(person)
    yield rejected.rows_of(person)
    yield WebsiteVisitor.objects.of_person(person)


def _read(rows: "QuerySet[Any]") -> Iterator[Row]:
    """Yield the rows of a query; few of them are in memory."""
    names = [field.attname for field in rows.model._meta.concrete_fields]
    with deadline.long_transaction(home(rows.model)):
        yield from rows.values(*names).iterator(FETCHED_ROWS)


def _line(table: str, row: Row) -> bytes:
    shown = {
        name: msgspec.Raw(value.text) if isinstance(value, TextObject) else value
        for name, value in row.items()
        if name not in SECRETS
    }
    return msgspec.json.encode({"table": table, "row": shown})


def _own_hits(row: Row, number: int) -> Row:
    """Return a session without the hits of others, if several visitors have a part in it."""
    visitors = row.pop("hit_visitors")
    if visitors is None:
        return row
    own = [position for position, visitor in enumerate(visitors) if visitor == number]
    hits = {name: row[name] and [row[name][each] for each in own] for name in HITS}
    return row | hits | {"hit_types": "".join(row["hit_types"][each] for each in own)}
