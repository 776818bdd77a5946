"""Sealed days: a cache of what the sessions of a website's local days answer.

They are filled by the very statements that answer from the sessions, and deleted with each change
of a session that touches them; so nothing stale can be shown.
"""

from collections.abc import Collection, Container, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connections
from pyroaring import BitMap

from analytics.ingest.bulk_copy import Row
from analytics.reports.derived.sealed_models import Breakdown, SealedDay, VisitorSet
from analytics.reports.facts.session_rows import Span
from analytics.reports.models import WebsiteSession
from analytics.reports.queries.conditions import COLUMNS, OF_NAMES, OF_PAGES, Parameters, of_value
from analytics.reports.queries.session_query import TOTAL, Selection, sums_by
from analytics.reports.queries.sums import COUNTS, Sums, total
from analytics.reports.questions.buckets import DAY, days_of, local_day, start_of
from analytics.reports.questions.question import Condition, Range
from config.db import uuid7
from config.db.routers import home

ALIAS = home(SealedDay)
DIMENSIONS = (TOTAL, *COLUMNS, *OF_PAGES, *OF_NAMES)
QUIET = timedelta(minutes=15)
INSTANT = timedelta(microseconds=1)
MAX_VALUES = 10_000  # of a dimension and day


def seal_due(website_id: UUID, zone: ZoneInfo, now: datetime) -> bool:
    """Seal the latest day that has been over for a while; return whether there was one.

    One a transaction, since reads wait for it: 5 s with 66,000 sessions a day. Within a transaction
    that has locked the website, which has no marks left.
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
    selection = Selection(website_id, (start_of(day, zone), start_of(day + DAY, zone)))
    _delete(website_id, [day])
    for dimension in DIMENSIONS:
        by_value = {value: sums for (_, value), sums in sums_by(selection, dimension).items()}
        _insert(website_id, dimension, day, by_value)
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


def totals(
    website_id: UUID, days: Collection[date], condition: Condition | None = None
) -> dict[date, Sums]:
    """Return the totals of sealed days, or the sums of the values that fit a condition."""
    dimension, fits = (condition.dimension, condition) if condition else (TOTAL, None)
    found: dict[date, list[Sums]] = {day: [] for day in days}
    for day, *counts, visitors in _read(_DAYS, website_id, dimension, days, fits):
        found[day].append(Sums.of(counts, BitMap.deserialize(visitors)))
    return {day: total(sums) for day, sums in found.items()}


def truncated_days(website_id: UUID, dimension: str, days: Collection[date]) -> set[date]:
    """Return the sealed days that do not keep all values of a dimension apart."""
    others = Breakdown.objects.filter(
        website_id=website_id, dimension=dimension, day__in=days, position=MAX_VALUES
    )
    return set(others.values_list("day", flat=True))


class ValueCounts(NamedTuple):
    """The sums of a value on several days, without its visitors.

    is_other: it is the sum of further values. bound: it has at most so many visitors.
    """

    value: str | None
    is_other: bool
    bound: int
    sums: Sums


def counts_by_value(
    website_id: UUID,
    dimension: str,
    days: Collection[date],
    counts: Container[str],
    condition: Condition | None = None,
) -> list[ValueCounts]:
    """Return the values of sealed days, those that fit a condition, with the counts needed."""
    sums = ", ".join(f"sum({name})::bigint" if name in counts else "0" for name in COUNTS)
    rows = _read(_VALUES.replace("{sums}", sums), website_id, dimension, days, condition)
    return [
        ValueCounts(value, is_other, bound, Sums.of(counts, BitMap()))
        for value, is_other, bound, *counts in rows
    ]


def visitors_by_value(
    website_id: UUID, dimension: str, days: Collection[date], values: Sequence[str | None]
) -> dict[str | None, BitMap]:
    """Return the visitors of some values on sealed days."""
    texts = [value for value in values if value is not None]
    rows = _read(_VISITORS, website_id, dimension, days, texts=texts, with_null=None in values)
    sets: dict[str | None, list[BitMap]] = {}
    for value, visitors in rows:
        sets.setdefault(value, []).append(BitMap.deserialize(visitors))
    return {value: BitMap.union(*each) for value, each in sets.items()}


def _insert(website_id: UUID, dimension: str, day: date, by_value: dict[str | None, Sums]) -> None:
    """Store the values of a dimension, those with most visitors first, the others as one."""
    ordered = sorted(by_value.items(), key=lambda item: (-len(item[1].visitors), item[0] or ""))
    values = [(value, False, sums) for value, sums in ordered[:MAX_VALUES]]
    if others := [sums for _, sums in ordered[MAX_VALUES:]]:
        values.append((None, True, total(others)))
    keys = [(website_id, dimension, day, position) for position in range(len(values))]
    _copy(
        "analytics_breakdown",
        (*_KEY, "is_other", "value", "visitors", *COUNTS),
        [
            (*key, is_other, value, len(sums.visitors), *sums.counts)
            for key, (value, is_other, sums) in zip(keys, values, strict=True)
        ],
    )
    _copy(
        "analytics_visitorset",
        (*_KEY, "numbers"),
        [(*key, sums.visitors.serialize()) for key, (_, _, sums) in zip(keys, values, strict=True)],
    )


def _copy(table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with connections[ALIAS].cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _delete(website_id: UUID, days: Collection[date]) -> None:
    for model in (SealedDay, Breakdown, VisitorSet):
        model.objects.filter(website_id=website_id, day__in=days).delete()


def _read(
    statement: str,
    website_id: UUID,
    dimension: str,
    days: Iterable[date],
    condition: Condition | None = None,
    **more: Any,
) -> list[Row]:
    parameters = Parameters()
    fits = of_value("breakdown.value", condition, parameters) if condition else "true"
    asked = {"website": website_id, "dimension": dimension, "days": list(days)}
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(statement.format(fits=fits), parameters.values | asked | more)
        return list(cursor.fetchall())


_KEY = ("website_id", "dimension", "day", "position")
_SETS = " JOIN analytics_visitorset USING (website_id, dimension, day, position) "
_FROM = """
  FROM analytics_breakdown AS breakdown {sets}
 WHERE website_id = %(website)s AND dimension = %(dimension)s AND day = ANY(%(days)s::date[])
   AND {{fits}}
"""
_DAYS = f"SELECT day, {', '.join(COUNTS)}, numbers {_FROM.format(sets=_SETS)}"
_VALUES = f"""
SELECT value, is_other, sum(visitors)::bigint, {{sums}}
{_FROM.format(sets="")} GROUP BY value, is_other
"""
_VISITORS = f"""
SELECT value, numbers {_FROM.format(sets=_SETS)}
   AND NOT is_other AND (value = ANY(%(texts)s::text[]) OR (value IS NULL AND %(with_null)s))
"""
