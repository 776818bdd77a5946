"""What pages that answer a question about a website have in common."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from analytics.events.models import Event
from analytics.pages.access import base_path, owns
from analytics.pages.filters import chips, parameter
from analytics.pages.links import Link, State
from analytics.pages.segments import segment_menu
from analytics.pages.texts import DIMENSIONS, OPERATORS, PERIODS, problem_text
from analytics.reports import live
from analytics.reports.answers import current
from analytics.reports.derived import rollup
from analytics.reports.parameters.parameters import question_of
from analytics.reports.questions.buckets import local_day
from analytics.reports.questions.periods import DEFAULT
from analytics.reports.questions.question import GOAL, Question
from config.api.errors import Invalid
from config.db import uuid7
from websites.models import Website
from websites.page import AWAY, DATABASE_FAILURES
from websites.tracker.snippet import script_line

INSTANT = timedelta(microseconds=1)
LATE = timedelta(minutes=1)  # by which numbers may be behind without a word
COMPARES = {"none": "No comparison", "previous": "Previous period", "year": "Previous year"}

Numbers = Callable[[Question, State], dict[str, Any]]
Ask = Callable[[Website, State], Question]


def ask_series(website: Website, state: State) -> Question:
    """Return the question of a page with a chart; raises Invalid."""
    return question_of(website, state.question, uuid7.now())


def report(
    request: HttpRequest,
    website: Website,
    template: str,
    numbers: Numbers,
    *,
    here: str = "dashboard",
    ask: Ask = ask_series,
    more: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Answer the question of a page; show what is wrong with it, or that it takes too long.

    here: the name of the page in the navigation. ask: reads the question of the state.
    more: what the template needs whether there is an answer or not.
    """
    if "add" in request.GET:
        return HttpResponseRedirect(_with_added_condition(State(request.GET)))
    state = State(request.GET, base_path(request))
    context = {
        "website": website,
        "here": here,
        "is_owner": owns(request, website),
        "state": state,
        "dimensions": {name: text for name, text in DIMENSIONS.items() if name != GOAL},
        "operators": OPERATORS,
        "compares": _choices(state, "compare", COMPARES, "none"),
        "periods": _periods(state),
    } | dict(more or {})
    try:
        question = ask(website, state)
        with current(website):
            context |= waiting(request, website)
            context |= _about(question, state) | segment_menu(question, state)
            context |= present_visitors(website) | numbers(question, state)
    except Invalid as error:
        return render(request, template, context | {"problem": problem_text(error)}, status=400)
    except DATABASE_FAILURES:
        context |= {"problem": AWAY, "is_away": True}
        return render(request, template, context, status=503)
    return render(request, template, context)


def _about(question: Question, state: State) -> dict[str, Any]:
    """Return what the page says of the question itself."""
    first = question.range.start.astimezone(question.timezone)
    last = (question.range.end - INSTANT).astimezone(question.timezone)
    period = state.query.get("period", "" if "from" in state.query else DEFAULT)
    as_of = rollup.as_of(question.website.pk, question.now).astimezone(question.timezone)
    is_today = as_of.date() == local_day(question.now, question.timezone)
    return {
        "chips": chips(question.conditions, state),
        "unfiltered_link": state.without(*map(parameter, question.conditions)),
        "period_text": PERIODS.get(period) or f"{first:%d %b %Y} to {last:%d %b %Y}",
        "compare_text": COMPARES.get(state.query.get("compare", "none"), COMPARES["previous"]),
        "first_day": f"{first:%Y-%m-%d}",
        "last_day": f"{last:%Y-%m-%d}",
        "timezone": question.timezone.key,
        "as_of": f"{as_of:%H:%M:%S}" if is_today else f"{as_of.day} {as_of:%b %Y %H:%M:%S}",
        "is_behind": question.now - as_of > LATE,
        "has_previous": question.previous is not None,
    }


def _choices(state: State, name: str, texts: Mapping[str, str], default: str) -> list[Link]:
    chosen = state.query.get(name, default)
    return [Link(text, state.with_(**{name: each}), each == chosen) for each, text in texts.items()]


def _periods(state: State) -> list[Link]:
    chosen = state.query.get("period", "" if "from" in state.query else DEFAULT)
    gone = {"from": None, "to": None, "interval": None}
    return [
        Link(text, state.with_(period=each, **gone), each == chosen)
        for each, text in PERIODS.items()
    ]


def present_visitors(website: Website) -> dict[str, Any]:
    return {"live_visitors": live.present_visitors(website, uuid7.now())}


def waiting(request: HttpRequest, website: Website) -> dict[str, Any]:
    """Return the line for its pages, and whether an event has come."""
    script = request.build_absolute_uri("/tracker.js")
    return {
        "website": website,
        "snippet": script_line(script, website.tracking_code),
        "has_events": Event.objects.of_website(website.pk).exists(),
    }


def _with_added_condition(state: State) -> str:
    """Return the link of the condition that the form of filters asks for."""
    query = state.query
    dimension, operator = query.get("add", ""), query.get("op", "is")
    name = dimension if operator == "is" else f"{dimension}__{operator}"
    return State(state.plain).adding(name, query.get("value", ""))
