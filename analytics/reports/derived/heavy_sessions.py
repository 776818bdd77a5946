"""Sessions of very many events, which are not made anew for each of them

Such as those of a program that sends one session id for ever.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from analytics.reports.derived.rollup_models import HeavySession
from config.db import uuid7

EVENTS = 5_000
PAUSE = timedelta(minutes=10)
MAX_DUE = 4  # that one transaction makes


@dataclass(frozen=True, slots=True)
class Taken:
    """Heavy sessions of a website: those to be made now, and those which are not to be looked at.

    handled: `due`, and those which wait.
    """

    due: list[str]
    handled: set[str]


def take(website_id: UUID, changed: Iterable[str], *, all: bool = False) -> Taken:
    """Return the heavy sessions that have waited long enough, and note which others changed.

    Within a transaction that has locked the website. all: none has to wait.
    """
    rows = HeavySession.objects.filter(website_id=website_id)
    sessions = {row.session_id: row for row in rows}
    ripe = {id for id, row in sessions.items() if all or is_due(row.made_at)}
    marked = sorted(id for id in ripe if sessions[id].is_marked)
    due, later = marked[:MAX_DUE], {*marked[MAX_DUE:]}
    waiting = [id for id in changed if id in later or (id in sessions and id not in ripe)]
    rows.filter(session_id__in=waiting).update(is_marked=True)
    rows.filter(session_id__in=ripe - later).delete()
    return Taken(due, {*due, *waiting})


def note(website_id: UUID, session_id: str) -> None:
    """Note that a heavy session was made anew."""
    values = {"made_at": uuid7.now(), "is_marked": False}
    HeavySession.objects.update_or_create(
        website_id=website_id, session_id=session_id, defaults=values
    )


def is_due(made_at: datetime) -> bool:
    """Return whether a session that changed has waited long enough."""
    return made_at <= _limit()


def due_websites() -> set[UUID]:
    due = HeavySession.objects.filter(is_marked=True, made_at__lte=_limit())
    return set(due.values_list("website_id", flat=True))


def waiting(website_id: UUID) -> list[str]:
    """Return the heavy sessions that changed."""
    marked = HeavySession.objects.filter(website_id=website_id, is_marked=True)
    return list(marked.values_list("session_id", flat=True))


def _limit() -> datetime:
    return uuid7.now() - PAUSE
