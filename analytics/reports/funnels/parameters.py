"""Parameters of a question about a funnel, and the question that they ask."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.http import QueryDict

from analytics.reports.funnels.answers import METRICS
from analytics.reports.parameters.parameters import DEFAULT_METRICS, StatsQuery, question_of
from analytics.reports.questions.buckets import DAY
from analytics.reports.questions.question import Question
from config.api.errors import Invalid
from config.api.problems import Problem
from websites.models import Website

MAX_RANGE = timedelta(days=92)
BY_STEP = "step"
# What the rows of other questions are.
ROWS: dict[str, Any] = {
    **{"metrics": DEFAULT_METRICS, "by": None, "interval": None, "sort": None},
    **{"limit": 10, "offset": 0, "search": ""},
}


class FunnelQuery(StatsQuery):
    """What is asked of a funnel: a range, perhaps another to compare with, and conditions."""

    metrics = by = interval = sort = limit = offset = search = None  # type: ignore[assignment]

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        values |= ROWS
        return super().problems_between(data, values)


FUNNEL = FunnelQuery()


def funnel_question(
    website: Website,
    query: QueryDict,
    now: datetime,
    *,
    steps: int,
    serializer: FunnelQuery = FUNNEL,
) -> Question:
    """Return what is asked of a funnel of so many steps; raises Invalid."""
    question = question_of(website, query, now, serializer)
    names = ("from" if "from" in query or "to" in query else "period", "compareFrom")
    for range, name in zip((question.range, question.previous), names, strict=True):
        # A day that is longer than 24 hours is no longer range.
        if range and range.end - range.start >= MAX_RANGE + DAY:
            message = f"A range of a funnel may have at most {MAX_RANGE.days} days"
            raise Invalid(Problem("too_long", (name,), message=message))
    return replace(question, by=BY_STEP, metrics=METRICS, limit=steps)
