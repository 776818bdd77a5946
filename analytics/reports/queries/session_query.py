"""Sums of the sessions of a website, read by one or two statements.

They give the sums of each value of some dimensions, in each of some buckets of time. The edges
of buckets come from Python, which knows time zones; SQL only looks up in which one a time lies.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.db import connections

from analytics.reports.facts.session_rows import LONG
from analytics.reports.models import WebsiteSession
from analytics.reports.queries.conditions import (
    COLUMNS,
    HITS,
    HOST,
    OF_NAMES,
    PROPERTY,
    Parameters,
    has_property,
    is_hit_dimension,
    is_positive,
    property_text,
)
from analytics.reports.queries.goal_steps import (
    hit_restriction,
    may_reach,
    of_session,
    reached_goals,
)
from analytics.reports.queries.session_counts import listed
from analytics.reports.queries.session_statements import (
    CHOSEN,
    EVENTS_WITH,
    FIRST,
    HIT_BUCKET,
    HITS_ALONE,
    IRREGULAR_SESSIONS,
    OVERLAP,
    REGULAR,
    SESSION_BUCKET,
    SESSIONS,
    SESSIONS_ALONE,
    SESSIONS_OF_HITS,
    SESSIONS_WITH_HITS,
    WHOLE,
)
from analytics.reports.queries.sums import COUNTS, Sums, visitors_of
from analytics.reports.questions.question import GOAL, Condition, Range
from config.db import uuid7
from config.db.routers import home
from websites.models import Goal

ENGAGED_SECONDS = 10
HOUR = timedelta(hours=1)
TOTAL = "total"  # the dimension that has one value, of everything
WEBSITE = "website"  # the dimension whose values are websites, where several are asked at once
OF_WEBSITE, OF_WEBSITES = "website_id = %(website)s", "website_id = ANY(%(website)s)"

Key = tuple[int, str | None]  # a bucket from 0 on, and a value


@dataclass(frozen=True, slots=True)
class Selection:
    """Which sessions of a website are meant, and the buckets of time that are asked for.

    edges: the start of each bucket, and the end of the last one. counts: those that are needed.
    goals: the values of the dimension `goal`.
    """

    website_id: UUID
    edges: Sequence[datetime]
    conditions: Sequence[Condition] = ()
    bots: bool = False
    counts: Collection[str] = COUNTS
    goals: Sequence[Goal] = ()


def sums_by(selection: Selection, dimension: str = TOTAL) -> dict[Key, Sums]:
    """Return the sums of each bucket and value that has any."""
    return sums_by_each(selection, [dimension])[dimension]


def sums_by_each(selection: Selection, dimensions: Collection[str]) -> dict[str, dict[Key, Sums]]:
    """Return the same for several dimensions; the sessions are read once for all of them."""
    return _Statement(selection, list(dimensions)).run()


def sums_by_website(
    websites: Sequence[UUID], edges: Sequence[datetime], counts: Collection[str]
) -> dict[UUID, dict[Key, Sums]]:
    """Return the totals of each bucket that has any, of several websites by one reading."""
    statement = _Statement(
        Selection(websites[0], edges, counts=counts), [WEBSITE], websites=list(websites)
    )
    found: dict[UUID, dict[Key, Sums]] = {website: {} for website in websites}
    for (bucket, website), sums in statement.run()[WEBSITE].items():
        found[cast(UUID, website)][bucket, None] = sums
    return found


def range_values(website_id: UUID, range: Range, *, bots: bool) -> dict[str, Any]:
    """Return the parameters of statements that say which sessions may overlap a range."""
    start, end = range
    return {
        "website": website_id,
        "start": start,
        "start_id": uuid7.floor(start),
        "hour_before": _before(start, HOUR),
        "day_before": _before(start, LONG),
        "end": uuid7.floor(end),
        "end_time": end,
        "last_hour": _before(end, HOUR),
        "last_day": _before(end, LONG),
        "bots": bots,
    }


def _before(time: datetime, duration: timedelta) -> UUID:
    return uuid7.floor(max(time, uuid7.from_ms(0) + duration) - duration)


@dataclass(slots=True)
class _Statement:
    """A statement, and its parameters."""

    selection: Selection
    dimensions: Sequence[str]
    parameters: Parameters = field(default_factory=Parameters)
    websites: list[UUID] = field(default_factory=list)  # in place of the one of the selection

    @property
    def has_one_bucket(self) -> bool:
        return len(self.selection.edges) == 2

    @property
    def has_hit_conditions(self) -> bool:
        return any(is_hit_dimension(each.dimension) for each in self.selection.conditions)

    @property
    def is_simple(self) -> bool:
        """Return whether most sessions count by their columns, in one bucket."""
        has_one_column = len(self.dimensions) == 1 and is_session_dimension(self.dimensions[0])
        return has_one_column and self.has_one_bucket and not self.has_hit_conditions

    def run(self) -> dict[str, dict[Key, Sums]]:
        """Return the sums of the values of each dimension."""
        found: dict[str, dict[Key, Sums]] = {dimension: {} for dimension in self.dimensions}
        with connections[home(WebsiteSession)].cursor() as cursor:
            for text in self._texts():
                values = self.parameters.values | self._values()  # each text adds some
                if self.websites:
                    values["website"] = self.websites
                    text = text.replace(OF_WEBSITE, OF_WEBSITES)
                cursor.execute(text, values)
                for n, bucket, name, *counts, visitors in cursor:
                    of_dimension = found[self.dimensions[n]]
                    key, sums = (bucket - 1, name), Sums.of(counts, visitors_of(visitors))
                    known = of_dimension.get(key)
                    of_dimension[key] = known + sums if known else sums
        return found

    def _texts(self) -> Iterator[str]:
        """Yield what is to be executed. As a part of a UNION, REGULAR would not be shared."""
        sessions = self._sessions()
        if self.is_simple:
            yield self._select(0, self.dimensions[0], REGULAR, sessions)
        columns = {COLUMNS[each] for each in self.dimensions if each in COLUMNS}
        columns |= {"website_id"} if self.websites else set()
        chosen = CHOSEN.format(
            columns=", ".join(sorted(columns | {"entry_page", "exit_page"})),
            source=IRREGULAR_SESSIONS if self.is_simple else SESSIONS,
            sessions=sessions,
        )
        yield chosen + " UNION ALL ".join(
            self._select(n, dimension, template, sessions)
            for n, dimension in enumerate(self.dimensions)
            for template in self._templates(dimension)
        )

    def _templates(self, dimension: str) -> Sequence[str]:
        """Return what a dimension is read by."""
        if is_session_dimension(dimension):
            if self.has_hit_conditions:
                return SESSIONS_ALONE, HITS_ALONE
            return (WHOLE,)
        if self._knows_first_hits(dimension):
            return (SESSIONS_WITH_HITS,)
        return SESSIONS_OF_HITS, HITS_ALONE

    def _knows_first_hits(self, dimension: str) -> bool:
        """Return whether a hit alone shows if it is the first of its session with its value."""
        conditions = filter(is_positive, self.selection.conditions)
        others = {each.dimension for each in conditions if is_hit_dimension(each.dimension)}
        return self.has_one_bucket and dimension in FIRST and others <= {dimension}

    def _select(self, n: int, dimension: str, template: str, sessions: str) -> str:
        is_kind = dimension in OF_NAMES or dimension.startswith(PROPERTY)
        return template.format(
            n=n,
            sessions=sessions,
            value=_value_of(dimension),
            hits=self._hits(dimension),
            counting_hits=self._counting_hits(dimension),
            is_first=FIRST.get(dimension),
            **self._buckets(),
            **listed(
                self.selection.counts,
                is_event="true" if is_kind else "lower(hit.type) = 'c'",
                is_page="true" if dimension == "page" else "false",
            ),
        )

    def _values(self) -> dict[str, Any]:
        selection, edges = self.selection, self.selection.edges
        range = Range(edges[0], edges[-1])
        buckets = {"edges": list(edges), "buckets": len(edges) - 1, "engaged": ENGAGED_SECONDS}
        return buckets | range_values(selection.website_id, range, bots=selection.bots)

    def _buckets(self) -> dict[str, str]:
        """Return the buckets of sessions and hits; a single one need not be looked up.

        PostgreSQL knows then how many groups there are, and keeps them in a hash table.
        """
        if self.has_one_bucket:
            return {"bucket": "1", "session_bucket": "1", "hit_bucket": "1"}
        return {"bucket": "bucket", "session_bucket": SESSION_BUCKET, "hit_bucket": HIT_BUCKET}

    def _sessions(self) -> str:
        """Return which sessions are meant: those that overlap the buckets and fit."""
        fits = [of_session(each, self.parameters) for each in self.selection.conditions]
        if list(self.dimensions) == [GOAL]:
            fits.append(may_reach(self.selection.goals, self.parameters))
        return " AND ".join([OVERLAP, *fits])

    def _hits(self, dimension: str) -> str:
        """Return the hits of sessions; for a property, events that have it."""
        if not dimension.startswith(PROPERTY):
            goals = self.selection.goals if dimension == GOAL else None
            reached = "" if goals is None else reached_goals(goals, self.parameters)
            return f"CROSS JOIN LATERAL {HITS} {reached}"
        key = self.parameters.add(dimension.removeprefix(PROPERTY))
        return EVENTS_WITH.format(name=property_text(key), has=has_property(key))

    def _counting_hits(self, dimension: str) -> str:
        """Return which of their hits count."""
        if dimension.startswith(PROPERTY):
            return "true"
        if dimension == GOAL:
            return "goal.id IS NOT NULL"
        restriction = hit_restriction(self.selection.conditions, self.parameters)
        letter = OF_NAMES.get(dimension)
        has_kind = f"lower(hit.type) = '{letter}'" if letter else ""
        return " AND ".join(filter(None, [has_kind, restriction])) or "true"


def is_session_dimension(dimension: str) -> bool:
    """Return whether each session has one value of a dimension."""
    return dimension in (TOTAL, WEBSITE) or dimension in COLUMNS


def _value_of(dimension: str) -> str:
    """Return the value of a session, or of a hit."""
    if dimension == TOTAL:
        return "NULL::text"
    if dimension == WEBSITE:
        return "session.website_id"
    if dimension in COLUMNS:
        return f"session.{COLUMNS[dimension]}"
    return {"page": "hit.page", "hostname": HOST, GOAL: "goal.id"}.get(dimension, "hit.name")
