"""Metrics of goals that sums do not give: the rate of conversion, and revenue"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from analytics.reports.queries.conditions import is_positive
from analytics.reports.queries.goal_revenue import Revenue, revenue_by
from analytics.reports.queries.sums import total
from analytics.reports.questions.buckets import edges_of
from analytics.reports.questions.question import (
    GOAL,
    GOAL_METRICS,
    Answer,
    GoalCondition,
    Metrics,
    Question,
    Range,
    Row,
)
from analytics.reports.reading import Reading
from analytics.rounding import percentage

TIME = "time"
FILLED_IN = ("conversionRate", "revenue", "averageRevenue")
NEEDED = ("visitors", "conversions")  # to fill them in
ALL = 1_000_000
CENT = Decimal("0.01")


def has_goal_metrics(question: Question) -> bool:
    return not {*question.metrics, question.sort}.isdisjoint(GOAL_METRICS)


def prepared(question: Question) -> Question:
    """Return the question whose answer `completed` needs: all rows, if it is to sort them."""
    if not has_goal_metrics(question):
        return question
    more = [name for name in NEEDED if name not in question.metrics]
    question = replace(question, metrics=(*question.metrics, *more))
    if question.sort in FILLED_IN:
        return replace(question, sort="visitors", ascending=False, limit=ALL, offset=0)
    return question


def completed(question: Question, found: Answer) -> Answer:
    """Return an answer to the prepared question with all metrics that the question asks for."""
    if not has_goal_metrics(question):
        return found
    values = [row.value for row in found.rows]
    numbers = _numbers(question, question.range, values)
    before = _numbers(question, question.previous, values) if question.previous else None
    rows = [
        _row(question, row, numbers.rows[n], before and before.rows[n])
        for n, row in enumerate(found.rows)
    ]
    totals = _row(question, found.totals, numbers.totals, before and before.totals)
    if question.sort in FILLED_IN:
        rows = _sorted(question, rows)
    return replace(
        found, rows=[_asked(question, row) for row in rows], totals=_asked(question, totals)
    )


@dataclass(frozen=True, slots=True)
class _Number:
    """What a row lacks; visitors: whether they converted or not.

    converted, conversions: where the row itself has those of everybody.
    """

    visitors: int
    revenue: Revenue
    converted: int | None = None
    conversions: int | None = None


class _Numbers(NamedTuple):
    rows: Sequence[_Number]
    totals: _Number


def _numbers(question: Question, range: Range, values: Sequence[str | None]) -> _Numbers:
    """Return what the rows of a range lack, and its totals."""
    base = Reading(replace(_without_goals(question), metrics=(), sort="", by=None), range)
    visitors = len(base.total().visitors)
    if question.by == GOAL:
        return _of_goals(question, range, visitors, values)
    goals = [goal for each in _goal_conditions(question) for goal in each.goals]
    whole = revenue_by(replace(question, by=None), range, goals)
    totals = _Number(visitors, whole.get(None, Revenue()))
    if question.by is None:
        return _Numbers([], totals)
    revenue = revenue_by(question, range, goals)
    if question.by == TIME:
        edges = edges_of(range, question.interval or "", question.timezone)
        sums = base.by_bucket(edges)
        counts = [len(each.visitors) for each in sums[: len(values)]]
        counts += [0] * (len(values) - len(counts))
        rows = [_Number(count, revenue.get(n, Revenue())) for n, count in enumerate(counts)]
        return _Numbers(rows, totals)
    exact = base.by_value(question.by).exact(values)
    rows = [_Number(len(exact[each].visitors), revenue.get(each, Revenue())) for each in values]
    return _Numbers(rows, totals)


def _of_goals(
    question: Question, range: Range, visitors: int, values: Sequence[str | None]
) -> _Numbers:
    """Return what the rows of goals lack; the totals are of all goals of the website."""
    by_goal = Reading(replace(question, sort="conversions"), range).by_value(GOAL)
    sums = total(by_goal.exact(list(by_goal.values())).values())
    goals = {str(goal.pk): goal for goal in question.goals}
    asked = replace(question, by=None)
    revenue = {
        id: revenue_by(asked, range, [goal]).get(None, Revenue()) for id, goal in goals.items()
    }
    totals = _Number(
        visitors,
        Revenue.sum(revenue.values()),
        converted=len(sums.visitors),
        conversions=sums.page_views + sums.events,
    )
    return _Numbers([_Number(visitors, revenue[value or ""]) for value in values], totals)


def _goal_conditions(question: Question) -> list[GoalCondition]:
    """Return the conditions that a goal is reached."""
    return [
        each
        for each in question.conditions
        if isinstance(each, GoalCondition) and is_positive(each)
    ]


def _without_goals(question: Question) -> Question:
    """Return the question as if no goal had to be reached."""
    left_out = _goal_conditions(question)
    conditions = tuple(each for each in question.conditions if each not in left_out)
    return replace(question, conditions=conditions)


def _row(question: Question, row: Row, number: _Number, before: _Number | None) -> Row:
    previous = row.previous
    if before is not None and previous is not None:
        previous = _filled_in(previous, before)
    return replace(row, metrics=_filled_in(row.metrics, number), previous=previous)


def _filled_in(metrics: Metrics, number: _Number) -> Metrics:
    """Return metrics with those that were lacking."""
    converted = metrics["visitors"] if number.converted is None else number.converted
    conversions = metrics["conversions"] if number.conversions is None else number.conversions
    more: Metrics = {
        "conversions": conversions,
        "conversionRate": _rate(int(converted or 0), number.visitors),
        "revenue": _money(number.revenue.amount),
        "averageRevenue": _money(number.revenue.average),
    }
    return metrics | more


def _asked(question: Question, row: Row) -> Row:
    def asked(metrics: Metrics) -> Metrics:
        return {name: metrics[name] for name in question.metrics}

    previous = None if row.previous is None else asked(row.previous)
    return replace(row, metrics=asked(row.metrics), previous=previous)


def _sorted(question: Question, rows: Sequence[Row]) -> list[Row]:
    """Return the rows that are asked for, in their order."""
    sign = 1 if question.ascending else -1

    def place(row: Row) -> tuple[bool, float, str]:
        number = row.metrics[question.sort]
        return number is None, sign * (number or 0), row.value or ""

    return sorted(rows, key=place)[question.offset : question.offset + question.limit]


def _rate(part: int, whole: int) -> float | None:
    """Return a part in per cent; a session of several visitors may have more that converted."""
    return percentage(min(part, whole), whole)


def _money(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount.quantize(CENT, ROUND_HALF_UP))
