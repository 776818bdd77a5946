"""Retention: of the visitors who first came in a week, how many came again in later weeks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pyroaring import BitMap

from analytics.reports import history
from analytics.reports.questions.buckets import DAY, edges_of, start_of
from analytics.reports.questions.question import Question, Range
from analytics.reports.reading import Reading
from analytics.rounding import rounded_ratio

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


def retention(question: Question) -> Retention:
    """Return the retention by the weeks of a question, as of the last refresh of its website.

    Its conditions choose the visitors of a cohort, by what they do in their first week. Whether
    these are new, and whether they come again, is a matter of all their sessions.
    """
    edges = edges_of(question.range, "week", question.timezone)
    everybody = replace(question, conditions=())
    reading = Reading(everybody, question.range)
    by_week = _visitors_by_week(reading, edges)
    chosen = by_week
    if question.conditions:
        chosen = _visitors_by_week(Reading(question, question.range), edges)
    cohorts = list(_cohorts(edges, by_week, chosen, _visitors_before(everybody)))
    return Retention(
        range=question.range,
        cohorts=cohorts,
        average=list(_average(cohorts)),
        as_of=reading.as_of,
        is_exact=reading.is_exact,
    )


def _visitors_by_week(reading: Reading, edges: Sequence[datetime]) -> list[BitMap]:
    return [sums.visitors for sums in reading.by_bucket(edges)]


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
    edges: Sequence[datetime],
    by_week: Sequence[BitMap],
    chosen: Sequence[BitMap],
    known: BitMap,
) -> Iterator[Cohort]:
    last = len(by_week) - 1
    for week, visitors in enumerate(by_week):
        new = chosen[week] - known
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
