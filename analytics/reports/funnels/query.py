"""How far sessions or visitors come on a way, read by one statement."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connections
from pyroaring import BitMap

from analytics.reports.derived import sealing
from analytics.reports.derived.column_sums import selectable_days
from analytics.reports.funnels.columns import Ends, ends_by_columns
from analytics.reports.funnels.statements import (
    CHAINS,
    FIRST_POSITION,
    FOLLOWING,
    GAPS,
    HITS_OF_STEPS,
    LAST_CHAINS,
    NEVER,
    NEXT_POSITION,
    OF_STEP,
    POSITION_BY_HITS,
    POSITION_BY_KIND,
    POSITION_IN_ARRAY,
    POSITIONS,
    SUMMED,
    WAYS_OF_CHAINS,
    WAYS_OF_SESSIONS,
)
from analytics.reports.gaps import gaps_of, without_empty
from analytics.reports.models import WebsiteSession
from analytics.reports.queries import goal_steps
from analytics.reports.queries.conditions import Parameters, pattern_of
from analytics.reports.queries.session_query import range_values
from analytics.reports.queries.session_statements import OVERLAP, SESSIONS
from analytics.reports.queries.sums import visitors_of
from analytics.reports.questions.buckets import range_of
from analytics.reports.questions.question import Question, Range
from config.db.routers import home
from websites.goal_models import SEQUENTIAL, SESSION, Funnel
from websites.steps import PAGE, Step

MS = timedelta(milliseconds=1)
HIT_TIME = "session.created_at + hit.time * interval '1 ms'"


@dataclass(frozen=True, slots=True)
class Way:
    """The steps of a funnel, and how they are to be taken.

    window: within how long after the first one a visitor takes them; None: a session does.
    is_strict: nothing of the kinds of its steps may be between two of them.
    """

    steps: Sequence[Step]
    window: timedelta | None = None
    is_strict: bool = False

    @property
    def reads_sessions(self) -> bool:
        """Whether sessions take the steps, with anything between them."""
        return self.window is None and not self.is_strict

    @property
    def has_properties(self) -> bool:
        return any(step.properties for step in self.steps)

    @classmethod
    def of(cls, funnel: Funnel) -> Self:
        within_session = funnel.scope == SESSION
        return cls(
            steps=[Step.of(each) for each in funnel.steps],
            window=None if within_session else timedelta(days=funnel.window_days or 0),
            is_strict=funnel.order != SEQUENTIAL,
        )


@dataclass(frozen=True, slots=True)
class Reached:
    """How many sessions or visitors reached a step.

    count: of sessions, or of visitors. median_ms: from the step before to this one.
    """

    count: int = 0
    visitors: int = 0
    median_ms: float | None = None


def steps_reached(question: Question, range: Range, way: Way) -> list[Reached]:
    """Return how many reached each step."""
    days: Sequence[date] = ()
    zone = ZoneInfo(question.website.timezone)
    if way.reads_sessions and not way.has_properties and not question.bots_only:
        sealed = sorted(sealing.sealed_days(question.website.pk, zone, range))
        days = selectable_days(question.website.pk, sealed, question.conditions)
    gaps = list(gaps_of(range, (range_of(day, zone) for day in days)))
    parts = [
        _read(replace(question, range=gap), way, range.end)
        for gap in without_empty(question.website.pk, gaps)
    ]
    if days:
        parts.append(ends_by_columns(question, days, way.steps, range.end))
    return [_reached(parts, step) for step, _ in enumerate(way.steps)]


def _reached(parts: Sequence[Sequence[Ends]], step: int) -> Reached:
    """Return how many reached a step: those who came so far, and who came further."""
    further = [each for part in parts for each in part[step:]]
    gaps = np.concatenate([np.empty(0, np.int64), *(part[step].gaps for part in parts)])
    return Reached(
        sum(each.count for each in further),
        len(BitMap.union(*(each.visitors for each in further))) if further else 0,
        float(np.median(gaps)) if len(gaps) else None,
    )


def _read(question: Question, way: Way, end: datetime) -> list[Ends]:
    """Return what the sessions of a range give; end: until when steps count."""
    statement = _Statement(question, way)
    with connections[home(WebsiteSession)].cursor() as cursor:
        cursor.execute(statement.sql(), statement.values() | {"end_time": end})
        row = cursor.fetchone()
    return [
        Ends(count, visitors_of(visitors), np.frombuffer(gaps or b"", ">i8"))
        for count, visitors, gaps in zip(row[::3], row[1::3], row[2::3], strict=True)
    ]


@dataclass(slots=True)
class _Statement:
    """The statement of a funnel, and its parameters."""

    question: Question
    way: Way
    parameters: Parameters = field(default_factory=Parameters)

    def values(self) -> dict[str, Any]:
        website_id, bots = self.question.website.pk, self.question.bots_only
        return self.parameters.values | range_values(website_id, self.question.range, bots=bots)

    def sql(self) -> str:
        ways = self._ways_of_sessions() if self.way.reads_sessions else self._ways_of_chains()
        steps = [
            OF_STEP.format(step=step, gaps=GAPS.format(step=step) if step > 1 else "NULL")
            for step in self._numbers
        ]
        return SUMMED.format(ways=ways, steps=", ".join(steps))

    @property
    def _numbers(self) -> Sequence[int]:
        return range(1, len(self.way.steps) + 1)

    # Sessions, step after step

    def _ways_of_sessions(self) -> str:
        first, *others = self.way.steps
        places = FIRST_POSITION.format(
            position=self._position(first, "0"), chosen=self._chosen_sessions(first)
        )
        for number, step in enumerate(others, 2):
            after = f"session.place_{number - 1}"
            position = f"CASE WHEN {after} IS NOT NULL THEN {self._position(step, after)} END"
            places = NEXT_POSITION.format(position=position, step=number, inner=places)
        depth = " + ".join(f"({self._is_reached(number)})::int" for number in self._numbers)
        return WAYS_OF_SESSIONS.format(
            depth=depth, gaps=self._gaps_of_sessions(), places=places, begins=self._is_reached(1)
        )

    def _chosen_sessions(self, first: Step) -> str:
        """Return which sessions may take the first step."""
        fits = [goal_steps.of_session(each, self.parameters) for each in self.question.conditions]
        if not goal_steps.is_pattern(first):  # it takes as long to test as to look for
            fits.append(goal_steps.may_have(first, self.parameters))
        return " AND ".join(["session.is_bot = %(bots)s", *fits])

    def _position(self, step: Step, after: str) -> str:
        """Return the position of the first hit after another one that fits a step."""
        if step.properties:
            fits = goal_steps.of_hit(step, self.parameters)
            return POSITION_BY_HITS.format(after=after, fits=fits)
        values, letter = ("hit_pages", "p") if step.kind == PAGE else ("hit_names", "c")
        is_pattern = goal_steps.is_pattern(step)
        wanted = self.parameters.add(pattern_of(step.value) if is_pattern else step.value)
        by_kind = POSITION_BY_KIND.format(
            letter=letter, values=values, wanted=wanted, is_pattern=is_pattern, after=after
        )
        if is_pattern:
            return by_kind
        found = f"array_position(session.{values}, {wanted}::text, {after} + 1)"
        return POSITION_IN_ARRAY.format(found=found, letter=letter, by_kind=by_kind)

    def _is_reached(self, number: int) -> str:
        """Return whether a session takes a step in the range."""
        at = f"created_at + hit_times[place_{number}] * interval '1 ms'"
        in_time = f"(ended_at < %(end_time)s OR {at} < %(end_time)s)"
        return f"place_{number} IS NOT NULL AND {in_time}"

    def _gaps_of_sessions(self) -> str:
        return ", ".join(
            f"CASE WHEN {self._is_reached(number)} "
            f"THEN hit_times[place_{number}] - hit_times[place_{number - 1}] END AS gap_{number}"
            for number in self._numbers[1:]
        )

    # Visitors, and strict funnels: chains of hits

    def _ways_of_chains(self) -> str:
        chains = LAST_CHAINS.format(step=len(self.way.steps), inner=self._hits())
        following = FOLLOWING[self.way.is_strict]
        for step in reversed(self._numbers[:-1]):
            never = [NEVER] * (len(self.way.steps) - step)
            chains = CHAINS.format(
                step=step,
                following=following.format(next=step + 1),
                never=f"ARRAY{never}",
                inner=chains,
            )
        gaps = ", ".join(
            f"CASE WHEN depth >= {number} THEN chain_1[{number}] / {POSITIONS} "
            f"- chain_1[{number - 1}] / {POSITIONS} END AS gap_{number}"
            for number in self._numbers[1:]
        )
        return WAYS_OF_CHAINS.format(chains=chains, depth=self._depth(), gaps=gaps)

    def _hits(self) -> str:
        """Return the hits that matter, each with what steps it fits."""
        fits = [goal_steps.of_hit(step, self.parameters) for step in self.way.steps]
        names = [f"fits_{number}" for number in self._numbers]
        by_visitor = self.way.window is not None
        since = "(extract(epoch FROM session.created_at - %(start)s) * 1000)::bigint + hit.time"
        return HITS_OF_STEPS.format(
            unit="coalesce(hit.visitor, session.visitor)" if by_visitor else "session.id",
            visitor="coalesce(hit.visitor, session.visitor)" if by_visitor else "session.visitor",
            time=f"({since})" if by_visitor else "hit.time",
            fits=", ".join(f"{test} AS {name}" for test, name in zip(fits, names, strict=True)),
            sessions=SESSIONS,
            chosen=self._chosen(),
            counting=self._counting(),
            wanted="true" if self.way.is_strict else " OR ".join(names),
        )

    def _chosen(self) -> str:
        """Return which sessions may take a step."""
        tests = [
            OVERLAP,
            *(goal_steps.of_session(each, self.parameters) for each in self.question.conditions),
        ]
        if self.way.window is None:
            may = goal_steps.may_have(self.way.steps[0], self.parameters)
            return " AND ".join([*tests, "session.id >= %(start_id)s", may])
        if self.way.is_strict:
            return " AND ".join(tests)
        may_have = [goal_steps.may_have(step, self.parameters) for step in self.way.steps]
        return " AND ".join([*tests, f"({' OR '.join(may_have)})"])

    def _counting(self) -> str:
        """Return which of their hits lie in the range; of a strict funnel all of its kinds."""
        tests = [f"(session.ended_at < %(end_time)s OR {HIT_TIME} < %(end_time)s)"]
        if self.way.window is not None:
            tests.append(f"(session.created_at >= %(start)s OR {HIT_TIME} >= %(start)s)")
        if self.way.is_strict:
            letters = {"p" if step.kind == PAGE else "c" for step in self.way.steps}
            tests.append(f"lower(hit.type) = ANY({self.parameters.add(sorted(letters))}::text[])")
        return " AND ".join(tests)

    def _depth(self) -> str:
        """Return the number of steps of a chain that are taken in time."""
        first = f"chain_1[1] / {POSITIONS}"
        limit = str(NEVER // POSITIONS)
        if self.way.window is not None:
            limit = f"{first} + {self.way.window // MS + 1}"
        tests = [f"(chain_1[{n}] / {POSITIONS} < {limit})::int" for n in self._numbers]
        return " + ".join(tests)
