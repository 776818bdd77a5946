"""How far sessions of sealed days come on a way, by columns"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from pyroaring import BitMap

from analytics.reports.derived.column_selection import Selection, select_all
from analytics.reports.derived.day_columns import (
    BEGINS,
    BEGUN,
    EVENT,
    HIT_FLAGS,
    HIT_TIME,
    HITS,
    MS,
    NAME,
    PAGE,
    SESSION_FLAGS,
    VIEW,
    VISITOR,
    Array,
)
from analytics.reports.derived.loaded_columns import LoadedColumns
from analytics.reports.queries.goal_steps import condition_of
from analytics.reports.questions.buckets import start_of
from analytics.reports.questions.question import Question
from config.server.computation import compute
from websites.steps import PAGE as OF_PAGE
from websites.steps import Step

NONE = np.empty(0, np.int64)
COLUMNS = (SESSION_FLAGS, HIT_FLAGS, HITS, VISITOR, BEGUN, HIT_TIME, PAGE, NAME)


@dataclass(frozen=True, slots=True)
class Ends:
    """Those for whom a step is the last; gaps: ms from the step before, of all who take it."""

    count: int
    visitors: BitMap
    gaps: Array


@dataclass(frozen=True, slots=True)
class _Test:
    """Which hits fit a step: those of a kind whose text does."""

    flag: int
    column: str
    texts: Array


def ends_by_columns(
    question: Question, days: Sequence[date], steps: Sequence[Step], end: datetime
) -> list[Ends]:
    """Return how far sessions that begin on some days come until an end, step for step."""
    zone = ZoneInfo(question.website.timezone)
    columns = LoadedColumns(question.website.pk, days)
    columns.load(COLUMNS)
    tests = [_test(columns, step) for step in steps]
    by_day = [
        compute(_taken, selection, tests, (end - start_of(day, zone)) // MS)
        for selection in select_all(columns, question.conditions)
        for day in [days[selection.day.number]]
    ]
    return [_ends([of_day[number] for of_day in by_day]) for number, _ in enumerate(steps)]


def _test(columns: LoadedColumns, step: Step) -> _Test:
    flag, column = (VIEW, PAGE) if step.kind == OF_PAGE else (EVENT, NAME)
    return _Test(flag, column, columns.texts(column).fitting(condition_of(step)))


@dataclass(frozen=True, slots=True)
class _Taken:
    """Visitors of the sessions for which a step is the last, and the gaps of all that take it."""

    visitors: Array
    gaps: Array


def _taken(selection: Selection, tests: Sequence[_Test], limit: int) -> list[_Taken]:
    """Return who takes each step of those who begin on a day; limit: ms from its start."""
    day = selection.day
    visitors, begun = day.array(VISITOR), day.array(BEGUN).astype(np.int64)
    times = day.array(HIT_TIME).astype(np.int64)
    goes_on = selection.sessions & day.has(SESSION_FLAGS, BEGINS)
    last = np.full(len(goes_on), -1)  # the hit of the step before
    taken: list[_Taken] = []
    for test in tests:
        hits = np.flatnonzero(day.has(HIT_FLAGS, test.flag) & day.fitting(test.column, test.texts))
        sessions = day.session_of[hits]
        fits = goes_on[sessions] & (hits > last[sessions])
        fits &= begun[sessions] + times[hits] < limit
        hits, sessions = _first_of_each(hits[fits], sessions[fits])
        if taken:
            goes_on[sessions] = False
            taken[-1] = replace(taken[-1], visitors=visitors[goes_on])
        gaps = times[hits] - times[last[sessions]] if taken else NONE
        taken.append(_Taken(visitors[sessions], gaps))
        goes_on = np.zeros(len(goes_on), bool)
        goes_on[sessions] = True
        last[sessions] = hits
    return taken


def _first_of_each(hits: Array, sessions: Array) -> tuple[Array, Array]:
    """Return the first hit of each session, and the sessions."""
    is_first = np.ones(len(hits), bool)
    is_first[1:] = sessions[1:] != sessions[:-1]
    return hits[is_first], sessions[is_first]


def _ends(taken: Sequence[_Taken]) -> Ends:
    visitors = np.concatenate([NONE, *(each.visitors for each in taken)])
    gaps = np.concatenate([NONE, *(each.gaps for each in taken)])
    return Ends(len(visitors), BitMap(visitors.astype(np.uint32)), gaps)
