"""The totals of many websites at once: few statements, however many they are"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from analytics.reports import live
from analytics.reports.answers import REFRESH_SECONDS, one_snapshot
from analytics.reports.derived import breakdowns, rollup, sealing
from analytics.reports.queries.session_query import sums_by_website
from analytics.reports.queries.sums import metrics_of, needed
from analytics.reports.questions.buckets import edges_of
from analytics.reports.questions.periods import span_of
from analytics.reports.questions.question import Question, Range, Row
from analytics.reports.reading import Reading
from config.db import replica, uuid7
from config.server.capacity import STATISTICS
from websites.models import Website

VIEWS = "pageviews"


@dataclass(frozen=True, slots=True)
class Overview:
    """The totals of a website in a period beside those before, and what happens now.

    page_views: of each of the last 24 hours. present: visitors who are there.
    """

    totals: Row
    page_views: list[float]
    present: int


def overviews(
    websites: Sequence[Website], period: str, metrics: Sequence[str]
) -> dict[UUID, Overview]:
    """Return the overview of each website, with all events that are stored by now.

    Raises StorageUnavailable, or what a database raises at the deadline.
    """
    if not websites:
        return {}
    with STATISTICS.bounded():
        rollup.refresh_all(websites, REFRESH_SECONDS)
        with replica.reading(), one_snapshot():
            return _overviews(websites, period, tuple(metrics), uuid7.now())


def _overviews(
    websites: Sequence[Website], period: str, metrics: tuple[str, ...], now: datetime
) -> dict[UUID, Overview]:
    questions = [_question(each, period, metrics, now) for each in websites]
    hours = [_question(each, "24h", (VIEWS,), now) for each in websites]
    earlier = [replace(each, range=each.previous or each.range) for each in questions]
    readings = _readings([*questions, *earlier, *hours])
    series = [edges_of(each.range, "hour", each.timezone) for each in hours]
    _read_sealed(readings)
    _read_gaps(readings, [*_ends(questions), *_ends(earlier), *series])
    active = live.active_websites(websites, now)
    present = {website.pk: live.present_visitors(website, now) for website in active}
    count = len(websites)
    return {
        website.pk: Overview(
            Row(None, metrics_of(current.total(), metrics), metrics_of(before.total(), metrics)),
            [float(sums.page_views) for sums in today.by_bucket(edges)],
            present.get(website.pk, 0),
        )
        for website, current, before, today, edges in zip(
            websites,
            readings[:count],
            readings[count : 2 * count],
            readings[2 * count :],
            series,
            strict=True,
        )
    }


def _question(website: Website, period: str, metrics: tuple[str, ...], now: datetime) -> Question:
    zone = ZoneInfo(website.timezone)
    span = span_of(period, now, zone)
    return Question(website, span.range, zone, now, metrics, previous=span.previous(now))


def _ends(questions: Sequence[Question]) -> list[list[datetime]]:
    return [list(each.range) for each in questions]


def _readings(questions: Sequence[Question]) -> list[Reading]:
    """Return a reading of each question, which knows what is sealed."""
    zones = {each.website.pk: each.timezone for each in questions}
    starts, ends = zip(*(each.range for each in questions), strict=True)
    sealed = sealing.sealed_by_website(zones, Range(min(starts), max(ends)))
    return [
        Reading(each, each.range, sealed[each.website.pk].within(each.range, each.timezone))
        for each in questions
    ]


def _read_sealed(readings: Sequence[Reading]) -> None:
    """Read the totals of all sealed days."""
    days = {(each.question.website.pk, day) for each in readings for day in each.sealed_days}
    found = breakdowns.read_totals(days)
    for each in readings:
        id = each.question.website.pk
        each.provide_days({day: found[id, day] for day in each.sealed_days if (id, day) in found})


def _read_gaps(readings: Sequence[Reading], edges: Sequence[Sequence[datetime]]) -> None:
    """Read what is not sealed by buckets with some edges; gaps that are alike at once."""
    alike: dict[tuple[datetime, ...], list[tuple[Reading, Range]]] = defaultdict(list)
    for reading, of_buckets in zip(readings, edges, strict=True):
        for gap in reading.gaps:
            inner = of_buckets[
                bisect_right(of_buckets, gap.start) : bisect_left(of_buckets, gap.end)
            ]
            alike[gap.start, *inner, gap.end].append((reading, gap))
    for of_gap, each in alike.items():
        counts = needed(name for reading, _ in each for name in reading.question.metrics)
        sums = sums_by_website([reading.question.website.pk for reading, _ in each], of_gap, counts)
        for reading, gap in each:
            reading.provide(gap, sums[reading.question.website.pk])
