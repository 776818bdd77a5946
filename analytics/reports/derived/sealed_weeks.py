"""Sealed weeks: the visitors of whole local weeks, for retention"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from pyroaring import BitMap

from analytics.reports.derived import breakdowns
from analytics.reports.derived.sealed_models import SealedWeek
from analytics.reports.facts.session_rows import Span
from analytics.reports.gaps import gaps_of, without_empty
from analytics.reports.queries.session_query import Selection, sums_by
from analytics.reports.queries.sums import total
from analytics.reports.questions.buckets import WEEK, days_of, range_of, start_of, start_of_week
from analytics.reports.questions.question import Range
from config.db import binary_results
from config.db.routers import home


def due_week(website_id: UUID, days: Collection[date], zone: ZoneInfo, end: date) -> Range | None:
    """Return the latest week before a day that is not sealed; days: all that are, in a zone."""
    stored = set(SealedWeek.objects.filter(website_id=website_id).values_list("start", "end"))
    mondays = {start_of_week(day) for day in days} - {start_of_week(end)}
    weeks = (Range(start_of(each, zone), start_of(each + WEEK, zone)) for each in mondays)
    return max((week for week in weeks if week not in stored), default=None)


def seal(website_id: UUID, week: Range, days: Collection[date], zone: ZoneInfo) -> None:
    """Store the visitors of a week; days: all that are sealed, in a zone.

    A session may reach into a day on which none begins, and which is not sealed therefore.
    """
    inner = [day for day in days_of(week, zone) if day in days]
    found = [*breakdowns.read_totals([(website_id, day) for day in inner]).values()]
    for gap in without_empty(website_id, [*gaps_of(week, (range_of(day, zone) for day in inner))]):
        found += sums_by(Selection(website_id, gap, counts=())).values()
    row = {"website_id": website_id, "start": week.start}
    SealedWeek.objects.filter(**row).delete()
    SealedWeek.objects.create(**row, end=week.end, numbers=total(found).visitors.serialize())


def read(website_id: UUID, edges: Sequence[datetime]) -> dict[datetime, BitMap]:
    """Return the visitors of those weeks that are sealed, by the start of each."""
    asked = set(pairwise(edges))
    parameters = [website_id, list(edges[:-1])]
    with binary_results.execute(home(SealedWeek), _READ, parameters) as cursor:
        return {
            start: BitMap.deserialize(numbers)
            for start, end, numbers in cursor
            if (start, end) in asked  # otherwise of a zone whose clocks change at other times
        }


def unseal(website_id: UUID, spans: Collection[Span]) -> None:
    """Delete the weeks that spans of time touch."""
    weeks = SealedWeek.objects.filter(website_id=website_id)
    touched = [
        start
        for start, end in weeks.values_list("start", "end")
        if any(span.start < end and span.end >= start for span in spans)
    ]
    if touched:
        weeks.filter(start__in=touched).delete()


_READ = """
SELECT start, "end", numbers FROM analytics_sealedweek
 WHERE website_id = %s AND start = ANY(%s::timestamptz[])
"""
