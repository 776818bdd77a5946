"""Sealed days: a cache of what the sessions of a website's local days answer.

They are filled by the very statements that answer from the sessions, and deleted with each change
of a session that touches them; so nothing stale can be shown.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connections

from analytics.reports.derived import breakdowns, day_columns, sealed_weeks
from analytics.reports.derived.breakdowns import Encoded
from analytics.reports.derived.rollup_models import DirtyRange
from analytics.reports.derived.sealed_models import OF_DAYS, OF_HOURS, SealedDay, SealedHour
from analytics.reports.facts.session_rows import Span
from analytics.reports.gaps import gaps_of, without_empty
from analytics.reports.models import WebsiteSession
from analytics.reports.queries.conditions import COLUMNS, OF_NAMES, OF_PAGES
from analytics.reports.queries.session_query import TOTAL, Selection, sums_by
from analytics.reports.questions.buckets import days_of, local_day, range_of, start_of
from analytics.reports.questions.question import Range
from config.db import uuid7
from config.db.routers import home

ALIAS = home(SealedDay)
DIMENSIONS = (TOTAL, *COLUMNS, *OF_PAGES, *OF_NAMES)
QUIET = timedelta(minutes=15)
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
SESSIONS_OF_HOUR = 100  # that pay for columns; fewer are read as quickly


class Sealed(NamedTuple):
    """The days and the starts of hours of a website that are sealed."""

    days: set[date]
    hours: set[datetime]

    def within(self, range: Range, zone: ZoneInfo) -> "Sealed":
        """Return what lies within a range; zone: of the days."""
        days = {day for day in self.days if _lies_within(range_of(day, zone), range)}
        hours = {start for start in self.hours if range.start <= start <= range.end - HOUR}
        return Sealed(days, hours)


def seal_due(website_id: UUID, zone: ZoneInfo, now: datetime, *, hours_only: bool = False) -> bool:
    """Seal the latest day that has been over for a while, or an hour since, or a week before it.

    Returns whether there was one. One a transaction, since reads wait for it: seconds for a day of
    66,000 sessions. Within a transaction that has locked the website.
    """
    end = min(now - QUIET, _earliest_change(website_id) or now)
    today = start_of(local_day(end, zone), zone)
    sealed = set() if hours_only else sealed_days(website_id, zone, Range(uuid7.from_ms(0), today))
    if not hours_only and (day := _due_day(website_id, zone, today, sealed)):
        seal(website_id, day, zone)
    elif hour := _due_hour(website_id, Range(today, end)):
        seal_hour(website_id, hour)
    elif week := sealed_weeks.due_week(website_id, sealed, zone, local_day(end, zone)):
        sealed_weeks.seal(website_id, week, sealed, zone)
    else:
        return False
    return True


def _earliest_change(website_id: UUID) -> datetime | None:
    """Return the time of the earliest event that waits for the rollup."""
    lows = DirtyRange.objects.filter(website_id=website_id).order_by("low")
    low = lows.values_list("low", flat=True).first()
    return uuid7.time_of(low) if low else None


def _due_day(
    website_id: UUID, zone: ZoneInfo, end: datetime, sealed: Collection[date]
) -> date | None:
    """Return the latest day before a time on which a session begins, and which is not sealed."""
    gaps = list(gaps_of(Range(uuid7.from_ms(0), end), (range_of(day, zone) for day in sealed)))
    sessions = WebsiteSession.objects.of_website(website_id).newest_first()
    # A session of a sealed day may reach into a gap in which none begins.
    for gap in reversed(without_empty(website_id, gaps)):
        ids = sessions.between(gap.start, gap.end).values_list("id", flat=True)
        if id := ids.first():
            return local_day(uuid7.time_of(id), zone)
    return None


def _due_hour(website_id: UUID, range: Range) -> datetime | None:
    """Return the latest hour of a range in which many sessions begin, and which is not sealed."""
    values: dict[str, Any] = {
        "website": website_id,
        "start": uuid7.floor(range.start),
        "end": uuid7.floor(range.end),
        "from": range.start,
        "until": range.end - HOUR,
        "sessions": SESSIONS_OF_HOUR,
    }
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_DUE_HOUR, values)
        return next((hour for (hour,) in cursor.fetchall()), None)


def seal(website_id: UUID, day: date, zone: ZoneInfo) -> None:
    """Store what the sessions tell of a local day."""
    range = range_of(day, zone)
    selection = Selection(website_id, range)
    _delete(website_id, [day])
    _delete_hours(website_id, range)
    # Older code, which knows no weeks, may have unsealed the day in the middle of an upgrade.
    sealed_weeks.unseal(website_id, [Span(range.start, range.end - INSTANT)])
    day_columns.store(website_id, day, range)
    by_dimension = {}
    for dimension in DIMENSIONS:
        by_value = {value: sums for (_, value), sums in sums_by(selection, dimension).items()}
        by_dimension[dimension] = Encoded.of(by_value)
    breakdowns.store(website_id, day, by_dimension)
    SealedDay.objects.create(website_id=website_id, day=day, timezone=zone.key)


def seal_hour(website_id: UUID, start: datetime) -> None:
    """Store the columns of an hour."""
    range = Range(start, start + HOUR)
    _delete_hours(website_id, range)
    day_columns.store(website_id, start, range)
    SealedHour.objects.create(website_id=website_id, start=start)


def unseal(website_id: UUID, spans: Collection[Span]) -> None:
    """Delete the sealed days that spans of time touch; within the transaction that changes them."""
    _unseal_hours(website_id, spans)
    sealed_weeks.unseal(website_id, spans)
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


def _unseal_hours(website_id: UUID, spans: Collection[Span]) -> None:
    starts = SealedHour.objects.filter(website_id=website_id).values_list("start", flat=True)
    touched = [
        start
        for start in starts
        if any(span.start < start + HOUR and span.end >= start for span in spans)
    ]
    if touched:
        for model in OF_HOURS:
            model.objects.filter(website_id=website_id, start__in=touched).delete()


def sealed_days(website_id: UUID, zone: ZoneInfo, within: Range | None = None) -> set[date]:
    """Return the days that are sealed in a zone, those that lie within a range."""
    days = SealedDay.objects.filter(website_id=website_id, timezone=zone.key)
    if within:
        first, last = local_day(within.start, zone), local_day(within.end, zone)
        days = days.filter(day__gte=first, day__lte=last)
    found = set(days.values_list("day", flat=True))
    return {day for day in found if within is None or _lies_within(range_of(day, zone), within)}


def sealed(website_id: UUID, zone: ZoneInfo, within: Range) -> Sealed:
    """Return what is sealed of a website, within a range."""
    return sealed_by_website({website_id: zone}, within)[website_id].within(within, zone)


def sealed_by_website(zones: Mapping[UUID, ZoneInfo], within: Range) -> dict[UUID, Sealed]:
    """Return what is sealed of several websites in their zones, and may lie within a range."""
    found = {website_id: Sealed(set(), set()) for website_id in zones}
    first, last = (at.astimezone(UTC).date() for at in within)
    values: dict[str, Any] = {
        "websites": list(zones),
        "first": first,
        "last": last,
        "start": within.start,
        "last_start": within.end - HOUR,
    }
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_SEALED, values)
        for website_id, zone, day, hour in cursor:
            if hour:
                found[website_id].hours.add(hour)
            elif zone == zones[website_id].key:
                found[website_id].days.add(day)
    return found


def _lies_within(part: Range, whole: Range) -> bool:
    return part.start >= whole.start and part.end <= whole.end


def _delete(website_id: UUID, days: Collection[date]) -> None:
    for model in OF_DAYS:
        model.objects.filter(website_id=website_id, day__in=days).delete()


def _delete_hours(website_id: UUID, range: Range) -> None:
    """Delete the hours that touch a range."""
    for model in OF_HOURS:
        hours = model.objects.filter(website_id=website_id)
        hours.filter(start__gt=range.start - HOUR, start__lt=range.end).delete()


_DUE_HOUR = """
SELECT hour
  FROM (
    SELECT date_trunc('hour', created_at, 'UTC') AS hour
      FROM analytics_websitesession
     WHERE website_id = %(website)s AND id >= %(start)s AND id < %(end)s
  ) AS session
 WHERE hour >= %(from)s AND hour <= %(until)s
   AND hour NOT IN (SELECT start FROM analytics_sealedhour WHERE website_id = %(website)s)
 GROUP BY hour HAVING count(*) >= %(sessions)s
 ORDER BY hour DESC LIMIT 1
"""
_SEALED = """
SELECT website_id, timezone, day, NULL::timestamptz FROM analytics_sealedday
 WHERE website_id = ANY(%(websites)s) AND day BETWEEN %(first)s AND %(last)s
 UNION ALL
SELECT website_id, NULL, NULL, start FROM analytics_sealedhour
 WHERE website_id = ANY(%(websites)s) AND start BETWEEN %(start)s AND %(last_start)s
"""
