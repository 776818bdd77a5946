"""Sealed days: a cache of what the sessions of a website's local days answer.

They are filled by the very statements that answer from the sessions, and deleted with each change
of a session that touches them; so nothing stale can be shown.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from analytics.reports.derived import breakdowns, day_columns
from analytics.reports.derived.sealed_models import SEALED, SealedDay
from analytics.reports.facts.session_rows import Span
from analytics.reports.models import WebsiteSession
from analytics.reports.queries.conditions import COLUMNS, OF_NAMES, OF_PAGES
from analytics.reports.queries.session_query import TOTAL, Selection, sums_by
from analytics.reports.questions.buckets import DAY, days_of, local_day, start_of
from analytics.reports.questions.question import Range
from config.db import uuid7
from config.db.routers import home

ALIAS = home(SealedDay)
DIMENSIONS = (TOTAL, *COLUMNS, *OF_PAGES, *OF_NAMES)
QUIET = timedelta(minutes=15)
INSTANT = timedelta(microseconds=1)


def seal_due(website_id: UUID, zone: ZoneInfo, now: datetime) -> bool:
    """Seal the latest day that has been over for a while; return whether there was one.

    One a transaction, since reads wait for it: seconds with 66,000 sessions a day. Within a
    transaction that has locked the website, which has no marks left.
    """
    day = _due_day(website_id, zone, start_of(local_day(now - QUIET, zone), zone))
    if day:
        seal(website_id, day, zone)
    return day is not None


def _due_day(website_id: UUID, zone: ZoneInfo, end: datetime) -> date | None:
    """Return the latest day before a time on which a session begins, and which is not sealed."""
    sealed = sealed_days(website_id, zone)
    sessions = WebsiteSession.objects.of_website(website_id).newest_first()
    while id := sessions.between(end=end).values_list("id", flat=True).first():
        day = local_day(uuid7.time_of(id), zone)
        if day not in sealed:
            return day
        end = start_of(day, zone)
    return None


def seal(website_id: UUID, day: date, zone: ZoneInfo) -> None:
    """Store what the sessions tell of a local day."""
    range = Range(start_of(day, zone), start_of(day + DAY, zone))
    selection = Selection(website_id, range)
    _delete(website_id, [day])
    day_columns.store(website_id, day, range)
    for dimension in DIMENSIONS:
        by_value = {value: sums for (_, value), sums in sums_by(selection, dimension).items()}
        breakdowns.store(website_id, dimension, day, by_value)
    SealedDay.objects.create(website_id=website_id, day=day, timezone=zone.key)


def unseal(website_id: UUID, spans: Iterable[Span]) -> None:
    """Delete the sealed days that spans of time touch; within the transaction that changes them."""
    sealed = SealedDay.objects.filter(website_id=website_id).values_list("timezone", "day")
    by_zone: dict[str, set[date]] = {}
    for name, day in sealed:
        by_zone.setdefault(name, set()).add(day)
    if not by_zone:
        return
    touched = {
        day
        for name, days in by_zone.items()
        for span in spans
        for day in days_of(Range(span.start, span.end + INSTANT), ZoneInfo(name))
        if day in days
    }
    if touched:
        _delete(website_id, touched)


def sealed_days(website_id: UUID, zone: ZoneInfo, within: Range | None = None) -> set[date]:
    """Return the days that are sealed in a zone, those that lie within a range."""
    days = SealedDay.objects.filter(website_id=website_id, timezone=zone.key)
    if within:
        first, last = local_day(within.start, zone), local_day(within.end, zone)
        days = days.filter(day__gte=first, day__lte=last)
    found = set(days.values_list("day", flat=True))
    return {
        day
        for day in found
        if within is None
        or (start_of(day, zone) >= within.start and start_of(day + DAY, zone) <= within.end)
    }


def _delete(website_id: UUID, days: Collection[date]) -> None:
    for model in SEALED:
        model.objects.filter(website_id=website_id, day__in=days).delete()
