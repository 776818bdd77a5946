"""The list of goals, with who reached them, and the forms of their definitions."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_safe

from analytics.pages.access import website_page
from analytics.pages.goal_report import REVENUE, SHOWN, goal_page
from analytics.pages.links import State
from analytics.pages.numbers import Number
from analytics.pages.report import report
from analytics.pages.step_forms import KINDS, Fields, lines_of, problem_lines, properties_of
from analytics.pages.texts import METRICS, Metric
from analytics.reports.answers import answer
from analytics.reports.parameters.parameters import question_of
from analytics.reports.questions.question import GOAL, Question, Row
from config.api.errors import Conflict, Invalid
from config.db import uuid7
from websites import goals
from websites.goal_models import MAX_PER_WEBSITE
from websites.goals_responses import GoalBody
from websites.models import Goal, Website

EMPTY: Fields = {"name": "", "kind": "page", "value": "", "properties": "", "revenueProperty": ""}


@dataclass(frozen=True, slots=True)
class GoalRow:
    """A goal with its numbers; link: to the dashboard of those who reached it."""

    id: str
    text: str
    step: str
    numbers: list[Number]
    width: float
    link: str


@website_page()
@require_safe
def goals_page(request: HttpRequest, website: Website) -> HttpResponse:
    """Show how many visitors reached each goal."""
    return report(request, website, "pages/goals.html", _numbers, here="goals", ask=_question)


@website_page(for_owner=True)
@require_http_methods(["GET", "HEAD", "POST"])
def new_goal(request: HttpRequest, website: Website) -> HttpResponse:
    """Make a goal."""
    if request.method != "POST":
        return _form(request, website, EMPTY)
    try:
        goals.create(Goal, website, goals.GOAL.run_validation(_values(request)))
    except (Invalid, Conflict) as error:
        return _form(request, website, _sent(request), error=error)
    messages.success(request, "The goal is there, and has counted what came before it.")
    return redirect("website_goals", id=website.pk)


@website_page(for_owner=True)
@require_http_methods(["GET", "HEAD", "POST"])
def edit_goal(request: HttpRequest, website: Website, goal_id: UUID) -> HttpResponse:
    """Change or delete a goal."""
    goal = Goal.objects.of_website(website.pk).filter(pk=goal_id).first()
    if goal is None:
        raise Http404
    if request.method != "POST":
        return _form(request, website, _fields_of(goal), goal)
    if "delete" in request.POST:
        goal.delete()
        messages.success(request, f"{goal.name} is deleted.")
        return redirect("website_goals", id=website.pk)
    try:
        goals.change(goal, goals.GOAL, GoalBody.of, _values(request))
    except (Invalid, Conflict) as error:
        return _form(request, website, _sent(request), goal, error=error)
    messages.success(request, "Saved.")
    return redirect("website_goals", id=website.pk)


def _question(website: Website, state: State) -> Question:
    """Return the question whose rows are the goals."""
    query = state.question
    query["by"] = GOAL
    for name in ("interval", "metrics", "sort", "limit", "offset", "search"):
        query.pop(name, None)
    question = question_of(website, query, uuid7.now())
    has_revenue = any(goal.revenue_property for goal in question.goals)
    return replace(
        question,
        metrics=(*SHOWN, *(REVENUE if has_revenue else ())),
        sort="visitors",
        limit=MAX_PER_WEBSITE,
    )


def _numbers(question: Question, state: State) -> dict[str, Any]:
    """Return the table of the goals."""
    found = answer(question)
    by_id = {str(goal.pk): goal for goal in question.goals}
    most = max((row.metrics["visitors"] or 0 for row in found.rows), default=0)
    heads: list[Metric] = [METRICS[name] for name in question.metrics]
    return {
        "goals": [_row(question, row, by_id[row.value or ""], state, most) for row in found.rows],
        "heads": heads,
        "definitions": heads,
        "csv_link": state.export(GOAL, question.metrics),
        "is_exact": found.is_exact,
    }


def _row(question: Question, row: Row, goal: Goal, state: State, most: float) -> GoalRow:
    return GoalRow(
        id=str(goal.pk),
        text=goal.name,
        step=f"{KINDS[goal.kind]}: {goal.value}",
        numbers=[Number.of(name, row.metrics, row.previous) for name in question.metrics],
        width=round(100 * (row.metrics["visitors"] or 0) / most, 1) if most else 0,
        link=f"{state.base}{State(state.plain).adding(GOAL, str(goal.pk))}",
    )


def _fields_of(goal: Goal) -> Fields:
    return {
        "name": goal.name,
        "kind": goal.kind,
        "value": goal.value,
        "properties": lines_of(goal.properties),
        "revenueProperty": goal.revenue_property or "",
    }


def _sent(request: HttpRequest) -> Fields:
    return {name: request.POST.get(name, "") for name in EMPTY}


def _values(request: HttpRequest) -> Fields:
    """Return what was sent as the API has it."""
    sent = _sent(request)
    more = {"properties": properties_of(sent["properties"])}
    return sent | more | {"revenueProperty": sent["revenueProperty"] or None}


def _form(
    request: HttpRequest,
    website: Website,
    fields: Fields,
    goal: Goal | None = None,
    *,
    error: Invalid | Conflict | None = None,
) -> HttpResponse:
    errors = problem_lines(error.problems) if isinstance(error, Invalid) else []
    context = {
        "website": website,
        "here": "goals",
        "is_owner": True,
        "fields": fields,
        "goal": goal,
        "kinds": KINDS,
        "errors": [error.message] if isinstance(error, Conflict) else list(errors),
    }
    return render(request, "pages/goal_form.html", context, status=400 if error else 200)


goal_urls = [
    path("websites/<uuid:id>/goals/", goals_page, name="website_goals"),
    path("share/<str:token>/goals/", goals_page),
    path("websites/<uuid:id>/goals/new/", new_goal, name="website_new_goal"),
    path("websites/<uuid:id>/goals/<uuid:goal_id>/", goal_page, name="website_goal"),
    path("share/<str:token>/goals/<uuid:goal_id>/", goal_page),
    path("websites/<uuid:id>/goals/<uuid:goal_id>/edit/", edit_goal, name="website_edit_goal"),
]
