"""A question about a website's traffic, as its parameters state it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from websites.models import Goal, Website

SHARE = "share"  # of the first other metric
COUNTS = ("visitors", "sessions", "pageviews", "events", "entries", "exits")
PAGE_METRICS = ("entries", "exits", "exitRate")  # of pages alone
GOAL = "goal"  # a dimension whose values are ids of goals
GOAL_METRICS = ("conversions", "conversionRate", "revenue", "averageRevenue")
METRICS = (
    *("visitors", "sessions", "pageviews", "events", "pagesPerSession"),
    *("bounceRate", "engagementRate", "sessionDuration", "timeOnPage", "scrollDepth"),
    *PAGE_METRICS,
    *GOAL_METRICS,
    SHARE,
)


class Range(NamedTuple):
    """The time in [start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """What a dimension must be.

    operator: is, not, contains, excludes, matches or known.
    values: one of them must fit (of `not` and `excludes`: none); of `known` true or false.
    """

    dimension: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoalCondition(Condition):
    """That one of some goals is reached, or of `not` that none is; values: their ids."""

    goals: tuple[Goal, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    by: a dimension, `time`, or None for totals alone.
    interval: minute, hour, day, week or month when `by` is `time`.
    sort: a metric; it descends unless `ascending`.
    goals: those of the website, when `by` is `goal`.
    """

    website: Website
    range: Range
    timezone: ZoneInfo
    now: datetime
    metrics: tuple[str, ...]
    previous: Range | None = None
    by: str | None = None
    interval: str | None = None
    sort: str = ""
    ascending: bool = False
    limit: int = 10
    offset: int = 0
    search: str = ""
    conditions: tuple[Condition, ...] = ()
    bots_only: bool = False
    goals: tuple[Goal, ...] = ()


Metrics = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Row:
    """Metrics of one value, or of one bucket of time, and the same of the previous range."""

    value: str | None
    metrics: Metrics
    previous: Metrics | None = None
    label: str | None = None
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rows are worth.

    total: the number of values before `limit` and `offset`.
    is_truncated: values beyond the first 10,000 of a day are summed up as one.
    """

    rows: list[Row]
    totals: Row
    total: int
    as_of: datetime
    is_exact: bool = True
    is_truncated: bool = False
    coverage: float | None = None
