"""The page of a goal: who reached it, by where they came from and what they use."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from analytics.pages.access import website_page
from analytics.pages.links import Link, State
from analytics.pages.lists import values_of
from analytics.pages.numbers import Number
from analytics.pages.report import report
from analytics.pages.texts import METRICS
from analytics.reports.answers import answer
from analytics.reports.parameters.parameters import question_of
from analytics.reports.questions.question import GOAL, GoalCondition, Question
from config.db import uuid7
from websites.models import Goal, Website

ROWS = 100
SHOWN = ("visitors", "conversions", "conversionRate")
REVENUE = ("revenue", "averageRevenue")
TABS: Mapping[str, str] = {
    "source": "Sources",
    "channel": "Channels",
    "referrer": "Referrers",
    "utmCampaign": "Campaigns",
    "entryPage": "Entry pages",
    "exitPage": "Exit pages",
    "country": "Countries",
    "region": "Regions",
    "city": "Cities",
    "language": "Languages",
    "browser": "Browsers",
    "os": "Systems",
    "device": "Devices",
    "screen": "Screens",
}


@website_page()
@require_safe
def goal_page(request: HttpRequest, website: Website, goal_id: UUID) -> HttpResponse:
    """Show who reached a goal, by a dimension of sessions."""
    goal = Goal.objects.of_website(website.pk).filter(pk=goal_id).first()
    if goal is None:
        raise Http404
    ask, numbers = partial(_question, goal), partial(_numbers, goal)
    return report(request, website, "pages/goal.html", numbers, here="goals", ask=ask)


def _question(goal: Goal, website: Website, state: State) -> Question:
    """Return the question without the goal itself, which is no filter that could be removed."""
    query = state.question
    by = query["by"] = state.query.get("by", next(iter(TABS)))
    if by not in TABS:
        raise Http404
    query[GOAL] = str(goal.pk)
    for name in ("interval", "metrics", "limit"):
        query.pop(name, None)
    question = question_of(website, query, uuid7.now())
    metrics = (*SHOWN, *(REVENUE if goal.revenue_property else ()))
    return replace(
        question,
        conditions=tuple(each for each in question.conditions if each != _reached(goal)),
        metrics=metrics,
        sort=question.sort if question.sort in metrics else metrics[0],
        limit=ROWS,
    )


def _reached(goal: Goal) -> GoalCondition:
    return GoalCondition(GOAL, "is", (str(goal.pk),), (goal,))


def _numbers(goal: Goal, question: Question, state: State) -> dict[str, Any]:
    """Return the totals of a goal, and a part of its list."""
    asked = replace(question, conditions=(*question.conditions, _reached(goal)))
    found = answer(asked)
    totals, by = found.totals, asked.by or ""
    of_goal = State(state.plain, state.base)
    of_goal.query[GOAL] = str(goal.pk)
    has_more = asked.offset + ROWS < found.total
    return {
        "goal": goal,
        "totals": [
            (METRICS[name], Number.of(name, totals.metrics, totals.previous))
            for name in asked.metrics
        ],
        "tabs": [Link(text, state.with_(by=each), each == by) for each, text in TABS.items()],
        "list": replace(
            values_of(found, asked, state, can_be_sorted=True),
            csv_link=of_goal.export(by, asked.metrics),
        ),
        "search": question.search,
        "definitions": [METRICS[name] for name in asked.metrics],
        "dashboard_link": f"{state.base}?{of_goal.asked}",
        "previous_link": state.at_offset(asked.offset - ROWS) if asked.offset else None,
        "next_link": state.at_offset(asked.offset + ROWS) if has_more else None,
        "is_exact": found.is_exact,
    }
