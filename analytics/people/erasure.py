"""Erasure of all that is stored about a person, in both databases

A plan counts first, and its execution deletes by the same queries, in transactions of bounded size.
It may be stopped and repeated: accounts are closed first, rows that lead to others go after them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.contrib.sessions.models import Session
from django.utils.crypto import salted_hmac

from analytics.ingest.spool.rejected import RejectedRow
from analytics.people import rejected
from analytics.people.person import Person
from analytics.reports.derived import visitor_erasure
from analytics.reports.models import WebsiteSession, WebsiteVisitor
from analytics.streams import deletion, retention
from analytics.streams.base import Stream
from config.api.bodies import iso
from config.db import deadline, uuid7
from config.db.routers import home
from websites import account_records, accounts
from websites.models import ErasureRequest, User

SALT = "erasure receipt"
Rows = tuple[str, int]  # a table, and how many of its rows


class Step(Protocol):
    """What is erased together."""

    def count(self) -> Iterator[Rows]: ...

    def erase(self) -> Iterator[Rows]: ...


@dataclass(frozen=True, slots=True)
class CloseAccount:
    """The account is unusable, and has no name any more; its row and its events come later."""

    user: User

    def count(self) -> Iterator[Rows]:
        """Count what an account has; its own row is that of another step."""
        for rows in account_records.records_of(self.user):
            if rows.model is not User:
                yield rows.model._meta.db_table, rows.count()

    def erase(self) -> Iterator[Rows]:
        """Close it; raise Forbidden for the last administrator."""
        counts = list(self.count())
        accounts.close(self.user)
        yield from counts


@dataclass(frozen=True, slots=True)
class LogOut:
    """The login sessions of a user."""

    user_id: UUID

    def count(self) -> Iterator[Rows]:
        yield Session._meta.db_table, sum(1 for _ in account_records.login_sessions(self.user_id))

    def erase(self) -> Iterator[Rows]:
        """Delete them one by one: people have few."""
        for key in account_records.login_sessions(self.user_id):
            deleted, _ = Session.objects.filter(session_key=key).delete()
            yield Session._meta.db_table, deleted


@dataclass(frozen=True, slots=True)
class DeleteRows:
    """The rows of one stream."""

    model: type[Stream]
    person: Person

    def count(self) -> Iterator[Rows]:
        """Count them, without a limit of time."""
        for rows in self.model.rows_of(self.person):
            with deadline.long_transaction(home(self.model)):
                yield self.model._meta.db_table, rows.count()

    def erase(self) -> Iterator[Rows]:
        """Delete them in batches, with what other tables derive from them."""
        for rows in self.model.rows_of(self.person):
            for deleted in deletion.delete_in_rounds(rows):
                yield self.model._meta.db_table, deleted


@dataclass(frozen=True, slots=True)
class DeleteRejected:
    """The rows that could not be stored."""

    person: Person

    def count(self) -> Iterator[Rows]:
        yield RejectedRow._meta.db_table, rejected.rows_of(self.person).count()

    def erase(self) -> Iterator[Rows]:
        """Delete them in batches."""
        while ids := list(
            rejected.rows_of(self.person).values_list("pk", flat=True)[: deletion.BATCH_ROWS]
        ):
            yield RejectedRow._meta.db_table, RejectedRow.objects.filter(pk__in=ids).delete()[0]


@dataclass(frozen=True, slots=True)
class ForgetVisitor:
    """The sessions and numbers that were derived of a visitor's events."""

    person: Person

    def count(self) -> Iterator[Rows]:
        yield from DeleteRows(WebsiteSession, self.person).count()
        visitors = WebsiteVisitor.objects.of_person(self.person)
        yield WebsiteVisitor._meta.db_table, visitors.count()

    def erase(self) -> Iterator[Rows]:
        """Erase them; raises WebsiteBusy."""
        visitors = WebsiteVisitor.objects.of_person(self.person).order_by("website_id")
        for visitor in list(visitors):
            for sessions, numbers in visitor_erasure.erase(visitor):
                yield WebsiteSession._meta.db_table, sessions
                yield WebsiteVisitor._meta.db_table, numbers


@dataclass(frozen=True, slots=True)
class RemoveAccount:
    """The row of a closed account, which has no events any more."""

    user_id: UUID

    def count(self) -> Iterator[Rows]:
        yield User._meta.db_table, User.objects.filter(pk=self.user_id).count()

    def erase(self) -> Iterator[Rows]:
        """Delete it, unless it is locked; its request waits until nothing can come after it."""
        counts = list(self.count())
        if not accounts.remove(self.user_id):
            return
        for request in ErasureRequest.objects.filter(user_id=self.user_id):
            if request.is_settled:
                request.delete()
        yield from counts


def steps(person: Person) -> list[Step]:
    """Return what is to be erased of a person, in its order."""
    streams = [model for model in retention.deletion_order() if model is not WebsiteSession]
    found: list[Step] = [DeleteRows(model, person) for model in streams]
    found += [DeleteRejected(person), ForgetVisitor(person)]
    if person.user_id is None:
        return found
    user = User.objects.filter(pk=person.user_id).first()
    is_open = user and not ErasureRequest.objects.filter(user_id=person.user_id).exists()
    closing = [CloseAccount(user)] if user and is_open else []
    return [*closing, LogOut(person.user_id), *found, RemoveAccount(person.user_id)]


def count(person: Person) -> Counter[str]:
    """Return how many rows of each table would be erased."""
    return total(rows for step in steps(person) for rows in step.count())


def erase(person: Person) -> Iterator[Rows]:
    """Erase a person; yield what each transaction has erased.

    Raises Forbidden for the last administrator, and WebsiteBusy.
    """
    for step in steps(person):
        yield from step.erase()


def total(erased: Iterable[Rows]) -> Counter[str]:
    """Return the sums by table, without tables that had nothing."""
    found: Counter[str] = Counter()
    for table, rows in erased:
        found[table] += rows
    return +found


def receipt(person: Person, erased: Counter[str]) -> str:
    """Return a line of JSON that says what was erased, and not of whom.

    The hash binds it to the ids of the person. Only who has SECRET_KEY can make it.
    """
    said: dict[str, Any] = {
        "receipt": str(uuid7.new_id_now()),
        "erasedAt": iso(uuid7.now()),
        "rows": dict(sorted(erased.items())),
        "total": erased.total(),
    }
    signed = json.dumps([said, str(person.user_id), *person.visitor_ids])
    said["hash"] = salted_hmac(SALT, signed, algorithm="sha256").hexdigest()
    return json.dumps(said)
