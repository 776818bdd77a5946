"""Funnels: how many sessions, or visitors, take some steps one after the other."""

from collections.abc import Sequence

from analytics.reports.funnels.query import Reached, Way, steps_reached
from analytics.reports.questions.question import Answer, Metrics, Question, Row
from analytics.reports.reading import Reading
from analytics.rounding import percentage, rounded_ratio

METRICS = (
    *("visitors", "sessions", "conversionFromFirst", "conversionFromPrevious"),
    *("dropOff", "medianSeconds"),
)


def answer_funnel(question: Question, way: Way) -> Answer:
    """Return a row for each step; the totals say who began and who reached the last one.

    Steps count where they lie in the range; sessions that begin in it can take them.
    """
    reading = Reading(question, question.range)
    current = steps_reached(question, question.range, way)
    before = steps_reached(question, question.previous, way) if question.previous else None
    metrics = _metrics(way, current)
    earlier = _metrics(way, before) if before else [None] * len(current)
    return Answer(
        rows=[
            Row(str(number), now, then, label=step.value)
            for number, (step, now, then) in enumerate(
                zip(way.steps, metrics, earlier, strict=True), 1
            )
        ],
        totals=Row(None, _totals(current), _totals(before) if before else None),
        total=len(way.steps),
        as_of=reading.as_of,
        is_exact=reading.is_exact,
    )


def _metrics(way: Way, reached: Sequence[Reached]) -> list[Metrics]:
    rows: list[Metrics] = []
    for number, step in enumerate(reached):
        previous = reached[number - 1] if number else None
        rows.append(
            {
                "visitors": step.visitors,
                "sessions": None if way.window else step.count,
                "conversionFromFirst": percentage(step.count, reached[0].count),
                "conversionFromPrevious": percentage(step.count, previous.count)
                if previous
                else None,
                "dropOff": previous.count - step.count if previous else None,
                "medianSeconds": _seconds(step.median_ms),
            }
        )
    return rows


def _totals(reached: Sequence[Reached]) -> Metrics:
    first, last = reached[0].count, reached[-1].count
    return {"started": first, "completed": last, "conversionRate": percentage(last, first)}


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else rounded_ratio(int(2 * ms), 200) / 10
