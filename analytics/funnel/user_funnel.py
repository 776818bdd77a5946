"""How far users come in a funnel of event names, by the day of their sign-up

Users who signed up in the range count, and their events of the range. A user reaches a step by the
first event of its name after that of the step before; no event is two steps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connections

from analytics.funnel.models import FunnelEvent
from analytics.rounding import percentage, rounded_ratio
from config.db import uuid7
from config.db.routers import MAIN
from websites.models import User

USUAL_STEPS = (
    *("bio_link_click", "signup_started", "profile_saved", "checkout_started", "checkout_done"),
)
# The time of a UUIDv7, which is that of the sign-up; PostgreSQL 15 has no function for it.
_DAY = """
(to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
 AT TIME ZONE 'UTC')::date
"""
_STATEMENT = f"""
WITH cohort AS MATERIALIZED (
    SELECT id AS user_id, {_DAY} AS day FROM {User._meta.db_table}
     WHERE id >= %(start)s AND id < %(end)s
), hit AS MATERIALIZED (
    SELECT event.user_id, event.id, event.created_at, event.event_type
      FROM {FunnelEvent._meta.db_table} AS event JOIN cohort USING (user_id)
     WHERE event.id >= %(start)s AND event.id < %(end)s
       AND hashtext(event.event_type) IN ({{hashes}}) AND event.event_type IN ({{names}})
), {{steps}}
SELECT day, count(*), {{numbers}} FROM cohort {{joins}}
 GROUP BY GROUPING SETS ((), (day)) ORDER BY day NULLS FIRST
"""
_FIRST_STEP = """step_1 AS (
    SELECT DISTINCT ON (user_id) user_id, id, created_at FROM hit
     WHERE event_type = %(name_1)s ORDER BY user_id, id
)"""
_NEXT_STEP = """step_{step} AS (
    SELECT DISTINCT ON (hit.user_id) hit.user_id, hit.id, hit.created_at
      FROM hit JOIN step_{before} AS before ON before.user_id = hit.user_id AND hit.id > before.id
     WHERE hit.event_type = %(name_{step})s ORDER BY hit.user_id, hit.id
)"""
_NUMBERS = """count(step_{step}.id), percentile_cont(0.5) WITHIN GROUP (ORDER BY
    extract(epoch FROM step_{step}.created_at - step_{before}.created_at) * 1000)"""


@dataclass(frozen=True, slots=True)
class FunnelQuestion:
    """Names of events, and the days of UTC in which users signed up, both included."""

    events: Sequence[str]
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Step:
    """How many users reached a step, and what became of those of the step before."""

    event: str
    users: int
    conversion_from_first: float | None
    conversion_from_previous: float | None
    drop_off: int | None
    median_seconds: float | None


@dataclass(frozen=True, slots=True)
class SignupDay:
    """How many users signed up on a day, and how many of these reached each step."""

    day: date
    signups: int
    steps: list[int]
    conversion_rate: float | None


@dataclass(frozen=True, slots=True)
class UserFunnel:
    """The funnel of all users of the range, and of those of each day on which somebody came."""

    signups: int
    steps: list[Step]
    days: list[SignupDay]


def user_funnel(question: FunnelQuestion) -> UserFunnel:
    """Return how far users come, by one statement."""
    with connections[MAIN].cursor() as cursor:
        cursor.execute(_statement(len(question.events)), _values(question))
        (_, signups, *numbers), *days = cursor.fetchall()
    return UserFunnel(
        signups=signups,
        steps=list(_steps(question.events, numbers[::2], numbers[1::2])),
        days=[_signup_day(day, users, row[::2]) for day, users, *row in days],
    )


def _statement(steps: int) -> str:
    numbers = range(1, steps + 1)
    names = ", ".join(f"%(name_{number})s::text" for number in numbers)
    return _STATEMENT.format(
        names=names,
        hashes=", ".join(f"hashtext(%(name_{number})s::text)" for number in numbers),
        steps=", ".join(
            _NEXT_STEP.format(step=number, before=number - 1) if number > 1 else _FIRST_STEP
            for number in numbers
        ),
        # Of the first step the time since itself, which nobody reads.
        numbers=", ".join(
            _NUMBERS.format(step=number, before=max(number - 1, 1)) for number in numbers
        ),
        joins=" ".join(f"LEFT JOIN step_{number} USING (user_id)" for number in numbers),
    )


def _values(question: FunnelQuestion) -> dict[str, Any]:
    end = question.last_day + timedelta(days=1)
    range = {"start": _floor(question.first_day), "end": _floor(end)}
    return range | {f"name_{number}": name for number, name in enumerate(question.events, 1)}


def _floor(day: date) -> Any:
    return uuid7.floor(datetime.combine(day, time(), UTC))


def _steps(
    events: Sequence[str], users: Sequence[int], medians: Sequence[float | None]
) -> Iterator[Step]:
    previous: int | None = None
    for event, count, median_ms in zip(events, users, medians, strict=True):
        is_first = previous is None
        yield Step(
            event=event,
            users=count,
            conversion_from_first=percentage(count, users[0]),
            conversion_from_previous=None if previous is None else percentage(count, previous),
            drop_off=None if previous is None else previous - count,
            median_seconds=None if is_first or median_ms is None else _seconds(median_ms),
        )
        previous = count


def _signup_day(day: date, signups: int, steps: Sequence[int]) -> SignupDay:
    return SignupDay(day, signups, list(steps), percentage(steps[-1], steps[0]))


def _seconds(ms: float) -> float:
    return rounded_ratio(round(2 * ms), 200) / 10
