"""Sums of sealed days under conditions, made of their columns

They are what statements on sessions give (session_query.py), for whole days.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from analytics.reports.derived import day_columns
from analytics.reports.derived.column_selection import FLAGS, Selection, chooses_hits, select_all
from analytics.reports.derived.day_columns import (
    BEGINS,
    BEGUN,
    BOUNCED,
    ENGAGED,
    EVENT,
    FIRST_HOST,
    FIRST_NAME,
    FIRST_PAGE,
    HIT_FLAGS,
    HIT_TIME,
    HIT_VISITOR,
    HITS,
    HOSTNAME,
    MS,
    OTHER_SESSION,
    OTHER_VISITOR,
    PAGE,
    SCROLL,
    SECONDS,
    SESSION_FLAGS,
    VIEW,
    VIEWED,
    VISITOR,
    WEIGHTS,
    WHOLE,
    WITHIN,
    Array,
    Day,
)
from analytics.reports.derived.loaded_columns import LoadedColumns, LoadedDay, column_of
from analytics.reports.derived.sealing import DIMENSIONS
from analytics.reports.derived.value_sums import ValueSums
from analytics.reports.queries.conditions import OF_NAMES
from analytics.reports.queries.session_query import TOTAL, is_session_dimension
from analytics.reports.queries.sums import Sums
from analytics.reports.questions.buckets import start_of
from analytics.reports.questions.question import Condition
from config.server.computation import compute

D = TypeVar("D", bound=Day)
DURATION = "duration_ms"
MAX_HITS = 10_000_000  # of a question; the arrays of so many take up to 400 MB
FIRST = {PAGE: FIRST_PAGE, HOSTNAME: FIRST_HOST, **dict.fromkeys(OF_NAMES, FIRST_NAME)}
SESSION_TESTS = {
    "sessions": BEGINS,
    "viewed_sessions": VIEWED,
    "bounced_sessions": BOUNCED,
    "engaged_sessions": ENGAGED,
}
OF_SESSIONS = (VISITOR, OTHER_SESSION, OTHER_VISITOR)
OF_HITS = (HITS, HIT_FLAGS, HIT_VISITOR)
# What counts known numbers of hits, and what sums them up, by their column.
MEASURES = {
    SECONDS: ("timed_views", "engaged_seconds"),
    SCROLL: ("scrolled_pages", "scroll_percents"),
}
ENDS_OF_PAGES = {"entries": "entryPage", "exits": "exitPage"}


def selectable_days(
    website_id: UUID, days: Sequence[D], conditions: Iterable[Condition]
) -> Sequence[D]:
    """Return the sealed days whose columns give sums under conditions: all, or none.

    None for conditions on what columns do not have, and where they would take too much memory.
    """
    has_all = all(each.dimension in DIMENSIONS for each in conditions)
    return days if has_all and day_columns.hits_of(website_id, days) <= MAX_HITS else ()


class ColumnSums:
    """The sums of some days of a website under conditions; needed: the counts that are."""

    def __init__(
        self,
        website_id: UUID,
        days: Sequence[Day],
        conditions: Sequence[Condition],
        needed: Collection[str],
    ) -> None:
        self.days = days
        self.conditions = conditions
        self.needed = needed
        self._columns = LoadedColumns(website_id, days)

    def by_day(self) -> dict[Day, Sums]:
        """Return the totals of each day."""
        found = self.by_value(TOTAL)
        return {day: found.sums(number) for number, day in enumerate(self.days)}

    def by_value(self, dimension: str) -> ValueSums:
        """Return the sums of each value of a dimension; for that of totals, of each day."""
        self._columns.load(self._needed(dimension))
        selections = self._selections
        values: Iterable[str | None] = map(str, self.days)
        if dimension != TOTAL:
            values = self._columns.texts(column_of(dimension)).index
        sums = ValueSums(list(values), self.needed)
        compute(self._add, sums, selections, dimension)
        return sums

    def by_bucket(self, edges: Sequence[datetime], zone: ZoneInfo) -> list[Sums]:
        """Return the sums of each bucket of time; zone: whose days they are."""
        self._columns.load({*self._needed(TOTAL), *OF_HITS, *MEASURES, BEGUN, HIT_TIME})
        ends = np.array([(edge - edges[0]) // MS for edge in edges])
        sums = ValueSums([str(edge) for edge in edges], self.needed)
        for selection in self._selections:
            day = self.days[selection.day.number]
            start = day if isinstance(day, datetime) else start_of(day, zone)
            compute(_add_by_time, sums, selection, ends - (start - edges[0]) // MS)
        compute(sums.group_visitors)
        return [sums.sums(number) for number in range(len(edges) - 1)]

    @cached_property
    def _selections(self) -> Sequence[Selection]:
        """What of each day fits."""
        return select_all(self._columns, self.conditions)

    def _needed(self, dimension: str) -> set[str]:
        """Return the columns that the sums of a dimension are made of."""
        needed = set(self.needed)
        names = {SESSION_FLAGS, *OF_SESSIONS, *(needed & set(WEIGHTS))}
        if not is_session_dimension(dimension) or any(map(chooses_hits, self.conditions)):
            names |= {*OF_HITS, *(each for each in MEASURES if needed & set(MEASURES[each]))}
        if dimension != TOTAL:
            names.add(column_of(dimension))
        if dimension == PAGE:
            names |= {ENDS_OF_PAGES[each] for each in needed & ENDS_OF_PAGES.keys()}
        return names

    def _add(self, sums: ValueSums, selections: Sequence[Selection], dimension: str) -> None:
        others = {each.dimension for each in self.conditions if chooses_hits(each)}
        for selection in selections:
            if is_session_dimension(dimension):
                _add_by_session(sums, selection, dimension)
            else:
                _add_by_hit(sums, selection, dimension, knows_first=others <= {dimension})
        sums.group_visitors()


def _add_by_session(sums: ValueSums, selection: Selection, dimension: str) -> None:
    """Add a day to a dimension of which each session has one value."""
    day = selection.day
    sessions = np.flatnonzero(selection.sessions)
    if dimension == TOTAL:
        values = np.full(len(selection.sessions), day.number)
    else:
        values = day.texts(dimension)
    _add_sessions(sums, day, sessions, values[sessions])
    if selection.restricts_hits:
        hits = np.flatnonzero(selection.hits & day.has(HIT_FLAGS, WITHIN))
        _add_hits(sums, day, hits, values[day.session_of[hits]])
        return
    for name in WEIGHTS:
        if name in sums.needed and name != DURATION:
            sums.add(name, values[sessions], day.array(name)[sessions])
    whole = sessions[day.has(SESSION_FLAGS, WHOLE)[sessions]]
    sums.add_visitors(values[whole], day.array(VISITOR)[whole])
    others = selection.sessions[day.array(OTHER_SESSION)]
    sums.add_visitors(values[day.array(OTHER_SESSION)[others]], day.array(OTHER_VISITOR)[others])


def _add_by_time(sums: ValueSums, selection: Selection, edges: Array) -> None:
    """Add a day to buckets; edges: of these, in ms from the start of the day."""
    day = selection.day
    begun = day.array(BEGUN).astype(np.int64)
    sessions = np.flatnonzero(selection.sessions & day.has(SESSION_FLAGS, BEGINS))
    _add_sessions(sums, day, sessions, np.searchsorted(edges, begun[sessions], "right") - 1)
    hits = np.flatnonzero(selection.hits & day.has(HIT_FLAGS, WITHIN))
    times = begun[day.session_of[hits]] + day.array(HIT_TIME)[hits]
    _add_hits(sums, day, hits, np.searchsorted(edges, times, "right") - 1)


def _add_by_hit(
    sums: ValueSums, selection: Selection, dimension: str, *, knows_first: bool
) -> None:
    """Add a day to a dimension of which hits have values; a session has each value once.

    knows_first: a hit alone shows if it is the first of its session with its value.
    """
    day = selection.day
    counting = selection.hits
    if flag := FLAGS.get(dimension):
        counting = counting & day.has(HIT_FLAGS, flag)
    hits = np.flatnonzero(counting)
    values = day.texts(column_of(dimension))[hits]
    flags = day.array(HIT_FLAGS)[hits]
    within = (flags & WITHIN) > 0
    _add_hits(sums, day, hits[within], values[within], are_events=flag is not None)
    if knows_first:
        first = (flags & FIRST[dimension]) > 0
        sessions, values = day.session_of[hits[first]], values[first]
    else:
        pairs = day.session_of[hits].astype(np.int64) * len(sums.values) + values
        sessions, values = np.divmod(np.unique(pairs), len(sums.values))
    _add_sessions(sums, day, sessions, values)
    if dimension == PAGE:
        begins = day.has(SESSION_FLAGS, BEGINS)[sessions]
        for name, end in ENDS_OF_PAGES.items():
            if name in sums.needed:
                sums.add(name, values[begins & (day.texts(end)[sessions] == values)])


def _add_sessions(sums: ValueSums, day: LoadedDay, sessions: Array, values: Array) -> None:
    """Add sessions that begin on a day to a value each."""
    flags = day.array(SESSION_FLAGS)[sessions]
    begins = (flags & BEGINS) > 0
    sessions, flags, values = sessions[begins], flags[begins], values[begins]
    sums.find(values)
    for name, flag in SESSION_TESTS.items():
        sums.add(name, values[(flags & flag) > 0])
    if DURATION in sums.needed:
        sums.add(DURATION, values, day.array(DURATION)[sessions])


def _add_hits(
    sums: ValueSums, day: LoadedDay, hits: Array, values: Array, *, are_events: bool = False
) -> None:
    """Add hits to a value each; are_events: all count as events."""
    flags = day.array(HIT_FLAGS)[hits]
    sums.add_visitors(*_without_repeats(values, day.hit_visitors(hits)))
    sums.add("page_views", values[(flags & VIEW) > 0])
    sums.add("events", values if are_events else values[(flags & EVENT) > 0])
    for column, (count, weight) in MEASURES.items():
        if not {count, weight}.isdisjoint(sums.needed):
            numbers = day.array(column)[hits]
            known = numbers > 0
            sums.add(count, values[known])
            sums.add(weight, values[known], numbers[known].astype(np.int64) - 1)


def _without_repeats(values: Array, visitors: Array) -> tuple[Array, Array]:
    """Return pairs without those that equal the one before, as most of a session do."""
    is_new = np.ones(len(values), bool)
    is_new[1:] = (values[1:] != values[:-1]) | (visitors[1:] != visitors[:-1])
    return values[is_new], visitors[is_new]
