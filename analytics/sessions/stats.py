"""Statistics of the sessions that began in a period, of all pages or of one bio page.

A period is [start, end): a session that began exactly at the end belongs to the next one. Rounding
is half up. Without sessions all numbers are 0 and all lists are empty.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, Sum, TextField, Value
from django.db.models.functions import Coalesce, Collate, NullIf

from analytics.rounding import rounded_ratio
from analytics.sessions.models import Session

TOP = 10
UNKNOWN = "Unknown"  # what a session is counted under that has no value, or an empty one


@dataclass(frozen=True, slots=True)
class Totals:
    """What the sessions of a period are like.

    sessions: the number of sessions that began in the period.
    bounce_rate: per cent, round(100 * bounced sessions / sessions). A session is bounced until
        its second page view, and so also before its first.
    average_duration_seconds: round(sum of the durations of the sessions / sessions).
    pages_per_session: sum of the page views of the sessions / sessions, rounded to hundredths.

    Duration and page views are those of the whole session, beyond the end of the period too.
    """

    sessions: int = 0
    bounce_rate: int = 0
    average_duration_seconds: int = 0
    pages_per_session: float = 0.0


@dataclass(frozen=True, slots=True)
class Group:
    """The sessions that have a value in common."""

    name: str
    sessions: int


def totals(start: datetime, end: datetime, *, bio_page_id: UUID | None = None) -> Totals:
    """Return the totals of a period, by the formulas of Totals, with one query."""
    sums = _sessions(start, end, bio_page_id).aggregate(
        sessions=Count("id"),
        bounced=Count("id", filter=Q(bounced=True)),
        seconds=Sum("duration_seconds"),
        page_views=Sum("page_views"),
    )
    sessions = sums["sessions"]
    if not sessions:
        return Totals()
    return Totals(
        sessions=sessions,
        bounce_rate=rounded_ratio(100 * sums["bounced"], sessions),
        average_duration_seconds=rounded_ratio(sums["seconds"], sessions),
        pages_per_session=rounded_ratio(100 * sums["page_views"], sessions) / 100,
    )


def top_referrers(
    start: datetime, end: datetime, *, bio_page_id: UUID | None = None, limit: int = TOP
) -> list[Group]:
    """Return the number of sessions by referrer domain, `direct` being one of them.

    Most sessions first, then by name in the order of code points; at most `limit` of them.
    """
    return _top("referrer_domain", _sessions(start, end, bio_page_id), limit=limit)


def top_countries(
    start: datetime, end: datetime, *, bio_page_id: UUID | None = None, limit: int = TOP
) -> list[Group]:
    """Return the number of sessions by country, `Unknown` where no place database knew it.

    Most sessions first, then by name in the order of code points; at most `limit` of them.
    """
    return _top("country", _sessions(start, end, bio_page_id), limit=limit)


def top_devices(
    start: datetime, end: datetime, *, bio_page_id: UUID | None = None, limit: int = TOP
) -> list[Group]:
    """Return the number of sessions by device, `Unknown` where User-Agent and body named none.

    Most sessions first, then by name in the order of code points; at most `limit` of them.
    """
    return _top("device", _sessions(start, end, bio_page_id), limit=limit)


def _sessions(start: datetime, end: datetime, bio_page_id: UUID | None) -> Any:
    rows = Session.objects.between(start, end)
    return rows if bio_page_id is None else rows.filter(bio_page_id=bio_page_id)


def _top(field: str, rows: Any, *, limit: int) -> list[Group]:
    name = Coalesce(NullIf(F(field), Value("")), Value(UNKNOWN), output_field=TextField())
    # The collation of the database would put names in an order of the machine's.
    groups = rows.values(name=Collate(name, "C")).annotate(sessions=Count("id"))
    return [Group(**group) for group in groups.order_by("-sessions", "name")[:limit]]
