"""Retention: of the visitors who first came in a week, how many came again in later weeks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pyroaring import BitMap

from analytics.reports import history
from analytics.reports.questions.buckets import DAY, local_day, start_of
from analytics.reports.questions.question import Question, Range
from analytics.reports.reading import Reading
from analytics.rounding import rounded_ratio
from websites.models import Website

DEFAULT_WEEKS, MAX_WEEKS = 12, 53
WEEK = timedelta(days=7)
# Days of earlier history whose sets of visitors are in memory at once.
DAYS_AT_ONCE = DAY * 100


@dataclass(frozen=True, slots=True)
class Cell:
    """How many visitors of a cohort came in a later week, and how many per cent these are."""

    visitors: int
    rate: float | None
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Cohort:
    """The visitors whose first event is in one week; cells: a week later, two weeks later, …"""

    start: datetime
    visitors: int
    cells: Sequence[Cell]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Retention:
    """The cohorts of some weeks, the last of which is running.

    average: for each number of weeks, the visitors of all cohorts for which that week is over.
    """

    range: Range
    cohorts: Sequence[Cohort]
    average: Sequence[Cell]
    as_of: datetime
    is_exact: bool

    @property
    def visitors(self) -> int:
        return sum(cohort.visitors for cohort in self.cohorts)


def retention(website: Website, now: datetime, weeks: int = DEFAULT_WEEKS) -> Retention:
    """Return the retention of a website, as of its last refresh, by weeks of its time zone."""
    zone = ZoneInfo(website.timezone)
    edges = _edges(now, zone, weeks)
    range = Range(edges[0], edges[-1])
    question = Question(
        website, range, zone, now, metrics=("visitors",), by="time", interval="week"
    )
    reading = Reading(question, range)
    by_week = [sums.visitors for sums in reading.by_bucket(edges)]
    cohorts = list(_cohorts(edges, by_week, _visitors_before(question)))
    return Retention(
        range=range,
        cohorts=cohorts,
        average=list(_average(cohorts)),
        as_of=reading.as_of,
        is_exact=reading.is_exact,
    )


def _edges(now: datetime, zone: ZoneInfo, weeks: int) -> list[datetime]:
    """Return the start of each week, the last of which is running, and its end."""
    today = local_day(now, zone)
    monday = today - DAY * today.weekday()
    return [start_of(monday + WEEK * (1 - n), zone) for n in range(weeks, -1, -1)]


def _visitors_before(question: Question) -> BitMap:
    """Return the visitors with an event before the range, as far back as history is kept."""
    zone = question.timezone
    found, end = BitMap(), question.range.start
    day = history.first_day(question.website.pk, zone)
    while day and (start := start_of(day, zone)) < end:
        day += DAYS_AT_ONCE
        part = Range(start, min(start_of(day, zone), end))
        found |= Reading(question, part).total().visitors
    return found


def _cohorts(
    edges: Sequence[datetime], by_week: Sequence[BitMap], known: BitMap
) -> Iterator[Cohort]:
    last = len(by_week) - 1
    for week, visitors in enumerate(by_week):
        new = visitors - known
        known = known | visitors
        cells = [
            _cell(new.intersection_cardinality(later), len(new), is_complete=week + n < last)
            for n, later in enumerate(by_week[week + 1 :], 1)
        ]
        yield Cohort(edges[week], len(new), cells, is_complete=week < last)


def _average(cohorts: Sequence[Cohort]) -> Iterator[Cell]:
    for n in range(len(cohorts) - 1):
        over = [each for each in cohorts if len(each.cells) > n and each.cells[n].is_complete]
        came = sum(cohort.cells[n].visitors for cohort in over)
        yield _cell(came, sum(cohort.visitors for cohort in over))


def _cell(part: int, whole: int, *, is_complete: bool = True) -> Cell:
    rate = rounded_ratio(1000 * part, whole) / 10 if whole else None
    return Cell(part, rate, is_complete)
