"""Retention: of the visitors who first came in a week, how many came again in later weeks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise

from pyroaring import BitMap

from analytics.reports import history
from analytics.reports.derived import sealed_weeks
from analytics.reports.gaps import gaps_of, without_empty
from analytics.reports.questions.buckets import edges_of, start_of, start_of_week
from analytics.reports.questions.question import Question, Range
from analytics.reports.reading import Reading
from analytics.rounding import percentage

WEEKS_AT_ONCE = 53  # of earlier history whose sets of visitors are in memory


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
    since = history.first_sessions(question.website.pk, question.timezone)
    by_week = _visitors_by_week(everybody, edges, since)
    chosen = by_week
    if question.conditions:
        sums = Reading(question, question.range).by_bucket(edges)
        chosen = [each.visitors for each in sums]
    cohorts = list(_cohorts(edges, by_week, chosen, _visitors_before(everybody, since)))
    whole = Reading(everybody, question.range)
    return Retention(
        range=question.range,
        cohorts=cohorts,
        average=list(_average(cohorts)),
        as_of=whole.as_of,
        is_exact=whole.is_exact,
    )


def _visitors_before(question: Question, since: date | None) -> BitMap:
    """Return the visitors with an event before the range, as far back as history is kept."""
    found = BitMap()
    if since is None:
        return found
    start, zone = start_of(start_of_week(since), question.timezone), question.timezone
    if start < question.range.start:
        edges = edges_of(Range(start, question.range.start), "week", zone)
        for n in range(0, len(edges) - 1, WEEKS_AT_ONCE):
            weeks = _visitors_by_week(question, edges[n : n + WEEKS_AT_ONCE + 1], since)
            found = BitMap.union(found, *weeks)
    return found


def _visitors_by_week(
    question: Question, edges: Sequence[datetime], since: date | None
) -> list[BitMap]:
    """Return the visitors of weeks, of which none has any before a day."""
    found = sealed_weeks.read(question.website.pk, edges)
    first = start_of(since, question.timezone) if since else edges[-1]
    sealed = [Range(*week) for week in pairwise(edges) if week[0] in found]
    gaps = list(gaps_of(Range(max(first, edges[0]), edges[-1]), sealed))
    for gap in without_empty(question.website.pk, gaps):
        for start, sums in zip(edges, Reading(question, gap).by_bucket(edges), strict=False):
            if sums.visitors:
                found[start] = sums.visitors
    return [found.get(start, BitMap()) for start in edges[:-1]]


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
    return Cell(part, percentage(part, whole), is_complete)
