"""What is derived of events, compared with the events"""

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connections
from pyroaring import BitMap

from analytics.events.models import Event
from analytics.reports.derived import (
    breakdowns,
    heavy_sessions,
    marks,
    rollup,
    sealed_weeks,
    sealing,
    site_rules,
)
from analytics.reports.derived.changed_sessions import begun_below, changed_sessions
from analytics.reports.derived.column_sums import ColumnSums
from analytics.reports.derived.rollup_models import EventFloor
from analytics.reports.derived.sealed_models import SealedDay
from analytics.reports.derived.sealed_sums import SealedSums, SealedValues
from analytics.reports.derived.value_sums import ValueSums
from analytics.reports.facts import session_rows
from analytics.reports.facts.session_events import facts_of_sessions
from analytics.reports.models import WebsiteSession
from analytics.reports.queries.session_query import TOTAL, Selection, sums_by
from analytics.reports.queries.sums import COUNTS, Sums, total
from analytics.reports.questions.buckets import DAY, WEEK, start_of, start_of_week
from analytics.reports.questions.question import Range
from config.db import deadline, uuid7
from websites.models import Website

ROWS = 500
MAX_PENDING = 1_000_000  # events of marks: a website with more is not compared
PENDING = "is being rolled up, and was not compared"


@dataclass
class Comparison:
    """How much was compared, what differs, and what could not be compared."""

    checked: int = 0
    differences: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def compare(self, what: str, stored: object, expected: object) -> None:
        self.checked += 1
        if stored != expected:
            self.differences.append(f"{what}: {_difference(stored, expected)}")


def sample(websites: Sequence[Website], count: int) -> list[tuple[Website, date]]:
    """Return so many days of UTC at random, each with a website that had events around it."""
    spans = [(website, span) for website in websites if (span := _days(website.pk))]
    ends = list(accumulate((last - first).days + 1 for _, (first, last) in spans))
    total = ends[-1] if ends else 0
    found = []
    for number in sorted(random.sample(range(total), min(count, total))):
        index = bisect_right(ends, number)
        website, (_, last) = spans[index]
        found.append((website, last - timedelta(days=ends[index] - 1 - number)))
    return found


def compare_day(website: Website, day: date, found: Comparison) -> None:
    """Compare the sessions of a day of UTC with their events, and the day if it is sealed."""
    start = datetime.combine(day, time(), UTC)
    with _one_snapshot():
        pending = _pending(website)
        if pending is None:
            found.skipped.append(f"{website.pk} {PENDING}")
            return
        ids = _sessions_of(website.pk, Range(start, start + DAY), pending)
        for chunk in range(0, len(ids), ROWS):
            _compare_sessions(website, ids[chunk : chunk + ROWS], found)
        _compare_sealed_day(website, day, found)
        _compare_sealed_week(website, day, found)
        _compare_sealed_hours(website, Range(start, start + DAY), found)


def compare_totals(website: Website, found: Comparison) -> None:
    """Compare the running totals of a website with the number of its events."""
    with _one_snapshot():
        events = Event.objects.of_website(website.pk)
        for event_type in marks.TYPES:
            total = marks.total(website.pk, event_type)
            expected = events.of_type(event_type).count()
            found.compare(f"total of {event_type} of {website.pk}", total, expected)


def _compare_sessions(website: Website, ids: list[str], found: Comparison) -> None:
    rules = site_rules.rules_of(website)
    made = {id: facts for id, facts, _ in facts_of_sessions(website.pk, ids, rules)}
    facts = {id: each for id, each in made.items() if each}
    visitors = {hit.visitor_id for each in facts.values() for hit in each.hits}
    numbers = dict.fromkeys(visitors, 0) | session_rows.known_numbers(website.pk, visitors)
    stored = session_rows.stored(website.pk, ids)
    for id in ids:
        expected = [session_rows.row_of(website.pk, id, facts[id], numbers)] if id in facts else []
        found.compare(f"session {id!r} of {website.pk}", stored.get(id, []), expected)


def _compare_sealed_day(website: Website, day: date, found: Comparison) -> None:
    """Compare the rows of a sealed day, in the zone of its website, with the sessions."""
    zone = ZoneInfo(website.timezone)
    sealed = SealedDay.objects.filter(website_id=website.pk, day=day, timezone=zone.key)
    if not sealed.exists():
        return
    selection = Selection(website.pk, (start_of(day, zone), start_of(day + DAY, zone)))
    for dimension in sealing.DIMENSIONS:
        expected = {value: sums for (_, value), sums in sums_by(selection, dimension).items()}
        name = f"{dimension} of {day} of {website.pk}"
        of_columns = ColumnSums(website.pk, [day], (), COUNTS).by_value(dimension)
        found.compare(f"{name} by columns", _stored_sums(of_columns, dimension), expected)
        breakdown = SealedSums(website.pk, [day], COUNTS).by_value(dimension)
        stored = _stored_sums(breakdown, dimension)
        if len(expected) > breakdowns.MAX_VALUES:
            expected = {value: sums for value, sums in expected.items() if value in stored}
        found.compare(name, stored, expected)


def _compare_sealed_week(website: Website, day: date, found: Comparison) -> None:
    """Compare the visitors of the week of a day, in the zone of its website, with the sessions."""
    monday, zone = start_of_week(day), ZoneInfo(website.timezone)
    week = Range(start_of(monday, zone), start_of(monday + WEEK, zone))
    for stored in sealed_weeks.read(website.pk, week).values():
        expected = sums_by(Selection(website.pk, week, counts=())).values()
        found.compare(f"week of {monday} of {website.pk}", stored, total(expected).visitors)


def _compare_sealed_hours(website: Website, range: Range, found: Comparison) -> None:
    """Compare the sealed hours of a day of UTC with the sessions."""
    for start in sorted(sealing.sealed(website.pk, ZoneInfo(website.timezone), range).hours):
        selection = Selection(website.pk, (start, start + sealing.HOUR))
        for dimension in sealing.DIMENSIONS:
            expected = {value: sums for (_, value), sums in sums_by(selection, dimension).items()}
            of_columns = ColumnSums(website.pk, [start], (), COUNTS).by_value(dimension)
            name = f"{dimension} of {start:%Y-%m-%d %H:%M} of {website.pk}"
            found.compare(name, _stored_sums(of_columns, dimension), expected)


def _stored_sums(found: SealedValues | ValueSums, dimension: str) -> dict[str | None, Sums]:
    sums = {each.value: each.sums for each in found.counts()}
    sets = found.visitors(list(sums))
    return {
        None if dimension == TOTAL else value: each + Sums(visitors=sets.get(value, BitMap()))
        for value, each in sums.items()
    }


def _pending(website: Website) -> set[str] | None:
    """Return the sessions that are to be made anew, None if these are too many or all."""
    if not site_rules.are_applied(website.pk, site_rules.rules_of(website)):
        return None
    waiting = marks.waiting(website.pk)
    changed = changed_sessions(website.pk, waiting, MAX_PENDING)
    return None if changed.unread else {*changed.ids, *heavy_sessions.waiting(website.pk)}


def _sessions_of(website_id: UUID, range: Range, pending: set[str]) -> list[str]:
    """Return the sessions with an event in a range, or a row that begins there."""
    with connections[rollup.ALIAS].cursor() as cursor:
        floor = EventFloor.current()
        values = [website_id, max(floor, uuid7.floor(range.start)), uuid7.floor(range.end)]
        cursor.execute(_SESSIONS, values * 2)
        found = {id for (id,) in cursor.fetchall()} - pending
    return sorted(found - begun_below(website_id, found, floor))


def _days(website_id: UUID) -> tuple[date, date] | None:
    """Return the first and the last day on which a website has events or sessions."""
    ids = [
        id
        for model in (Event, WebsiteSession)
        for order in ("id", "-id")
        for id in model._default_manager.filter(website_id=website_id)
        .order_by(order)
        .values_list("id", flat=True)[:1]
    ]
    days = sorted(uuid7.time_of(id).date() for id in ids)
    return (days[0], days[-1]) if days else None


def _difference(stored: object, expected: object) -> str:
    """Return the first part of a list of rows in which two differ."""
    if isinstance(stored, list) and isinstance(expected, list):
        if len(stored) != len(expected):
            return f"{len(stored)} rows instead of {len(expected)}"
        for row, right in zip(stored, expected, strict=True):
            for name, one, other in zip(row._fields, row, right, strict=True):
                if one != other:
                    return f"{name} is {one!r:.100} instead of {other!r:.100}"
    return f"{stored!r:.100} instead of {expected!r:.100}"


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Let all statements of a block see the same state of the database."""
    is_first = not connections[rollup.ALIAS].in_atomic_block
    with deadline.long_transaction(rollup.ALIAS) as cursor:
        if is_first:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


_SESSIONS = """
SELECT session_id FROM analytics_event WHERE website_id = %s AND id >= %s AND id < %s
UNION
SELECT session_id FROM analytics_websitesession WHERE website_id = %s AND id >= %s AND id < %s
"""
