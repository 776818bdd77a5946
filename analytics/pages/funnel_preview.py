"""The page on which an owner tries a funnel out, whose definition stands in the link alone."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from analytics.pages.access import website_page
from analytics.pages.funnel_forms import (
    EMPTY,
    FORM_NAMES,
    fields_of,
    form_context,
    sent_fields,
    sent_steps,
    steps_of,
    values_of,
)
from analytics.pages.funnels import funnel_numbers
from analytics.pages.links import State
from analytics.pages.report import report
from analytics.reports.funnels.preview import parameters_of, preview_of
from analytics.reports.funnels.query import Way
from analytics.reports.questions.question import Question
from config.api.errors import Invalid
from config.db import uuid7
from websites import goals
from websites.models import Funnel, Website

TEMPLATE = "pages/try_funnel.html"
UNNAMED = {"name": "Preview"}  # the rules of funnels demand a name


@website_page(for_owner=True)
@require_safe
def try_funnel(request: HttpRequest, website: Website) -> HttpResponse:
    """Show how many take the steps that the form, or a link, states."""
    if "kind" in request.GET and "add" not in request.GET:
        return _from_form(request, website)
    if "steps" not in request.GET:
        return _form(request, website)
    return report(
        request, website, TEMPLATE, _numbers, here="funnels", ask=_ask, more=form_context(EMPTY, [])
    )


def _from_form(request: HttpRequest, website: Website) -> HttpResponse:
    """Lead to the link of what a form states, or show what is wrong with it."""
    values = values_of(request.GET)
    try:
        goals.FUNNEL.run_validation(values | UNNAMED)
    except Invalid as error:
        return _form(request, website, error=error)
    query = request.GET.copy()
    for name in FORM_NAMES:
        query.pop(name, None)
    query.update(parameters_of(values))
    return HttpResponseRedirect(f"?{query.urlencode()}")


def _form(request: HttpRequest, website: Website, *, error: Invalid | None = None) -> HttpResponse:
    fields = EMPTY | {name: text for name, text in sent_fields(request.GET).items() if text}
    context = form_context(fields, sent_steps(request.GET), error) | {
        "website": website,
        "here": "funnels",
        "is_owner": True,
        "state": State(request.GET),
    }
    return render(request, TEMPLATE, context, status=400 if error else 200)


def _ask(website: Website, state: State) -> Question:
    return _asked(website, state)[0]


def _asked(website: Website, state: State) -> tuple[Question, Funnel]:
    query = state.question
    del query["by"]
    return preview_of(website, query, uuid7.now())


def _numbers(question: Question, state: State) -> dict[str, Any]:
    """Return the steps with their numbers, and the form with the definition of the link."""
    _, funnel = _asked(question.website, state)
    form = form_context(fields_of(funnel), steps_of(funnel))
    return form | funnel_numbers(funnel, Way.of(funnel), question, state)


preview_urls = [
    path("websites/<uuid:id>/funnels/try/", try_funnel, name="website_try_funnel"),
]
