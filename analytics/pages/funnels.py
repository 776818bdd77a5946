"""The pages of funnels: how many take their steps, and the forms of their definitions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_safe

from analytics.pages.access import owns, website_page
from analytics.pages.exports import csv_response
from analytics.pages.funnel_forms import (
    EMPTY,
    fields_of,
    form_context,
    sent_fields,
    sent_steps,
    steps_of,
    values_of,
)
from analytics.pages.links import State
from analytics.pages.numbers import Number
from analytics.pages.report import report
from analytics.pages.step_forms import KINDS, Fields
from analytics.pages.texts import METRICS, format_metric
from analytics.reports.funnels.answers import METRICS as FUNNEL_METRICS
from analytics.reports.funnels.answers import answer_funnel
from analytics.reports.funnels.parameters import funnel_question
from analytics.reports.funnels.query import Way
from analytics.reports.questions.question import Answer, Question, Row
from config.api.errors import Conflict, Invalid
from config.db import uuid7
from websites import goals
from websites.goals_responses import FunnelBody
from websites.models import Funnel, Website


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step with its numbers; height: of its bar, in per cent of the first step, as in `rate`."""

    number: int
    text: str
    kind: str
    numbers: list[Number]
    height: float
    rate: str

    @property
    def top(self) -> float:
        return round(100 - self.height, 1)


@website_page()
@require_safe
def funnels_page(request: HttpRequest, website: Website) -> HttpResponse:
    """List the funnels of a website."""
    context = {
        "website": website,
        "here": "funnels",
        "is_owner": owns(request, website),
        "funnels": [(each, _about(each)) for each in Funnel.objects.of_website(website.pk)],
    }
    return render(request, "pages/funnels.html", context)


@website_page()
@require_safe
def funnel_page(request: HttpRequest, website: Website, funnel_id: UUID) -> HttpResponse:
    """Show how many take the steps of a funnel."""
    funnel = _funnel(website, funnel_id)
    way = Way.of(funnel)

    def ask(website: Website, state: State) -> Question:
        query = state.question
        del query["by"]
        return funnel_question(website, query, uuid7.now(), steps=len(way.steps))

    numbers = partial(funnel_numbers, funnel, way)
    return report(request, website, "pages/funnel.html", numbers, here="funnels", ask=ask)


@website_page()
@require_safe
def export_funnel(request: HttpRequest, website: Website, funnel_id: UUID) -> HttpResponse:
    """Send the steps of a funnel as comma separated values."""
    way = Way.of(_funnel(website, funnel_id))

    def ask() -> Question:
        return funnel_question(website, request.GET, uuid7.now(), steps=len(way.steps))

    return csv_response(website, ask, lambda question: answer_funnel(question, way))


@website_page(for_owner=True)
@require_http_methods(["GET", "HEAD", "POST"])
def new_funnel(request: HttpRequest, website: Website) -> HttpResponse:
    """Make a funnel."""
    if request.method != "POST":
        return _form(request, website, EMPTY, [])
    try:
        funnel = goals.create(Funnel, website, goals.FUNNEL.run_validation(values_of(request.POST)))
    except (Invalid, Conflict) as error:
        return _form(
            request, website, sent_fields(request.POST), sent_steps(request.POST), error=error
        )
    return redirect("website_funnel", id=website.pk, funnel_id=funnel.pk)


@website_page(for_owner=True)
@require_http_methods(["GET", "HEAD", "POST"])
def edit_funnel(request: HttpRequest, website: Website, funnel_id: UUID) -> HttpResponse:
    """Change or delete a funnel."""
    funnel = _funnel(website, funnel_id)
    if request.method != "POST":
        return _form(request, website, fields_of(funnel), steps_of(funnel), funnel)
    if "delete" in request.POST:
        funnel.delete()
        messages.success(request, f"{funnel.name} is deleted.")
        return redirect("website_funnels", id=website.pk)
    try:
        goals.change(funnel, goals.FUNNEL, FunnelBody.of, values_of(request.POST))
    except (Invalid, Conflict) as error:
        return _form(
            request,
            website,
            sent_fields(request.POST),
            sent_steps(request.POST),
            funnel,
            error=error,
        )
    messages.success(request, "Saved.")
    return redirect("website_funnel", id=website.pk, funnel_id=funnel.pk)


def _funnel(website: Website, id: UUID) -> Funnel:
    funnel: Funnel | None = Funnel.objects.of_website(website.pk).filter(pk=id).first()
    if funnel is None:
        raise Http404
    return funnel


def _about(funnel: Funnel) -> str:
    steps = " → ".join(each["value"] for each in funnel.steps)
    days = f", {funnel.window_days} days" if funnel.window_days else ""
    return f"{steps} (by {funnel.scope}{days})"


def funnel_numbers(funnel: Funnel, way: Way, question: Question, state: State) -> dict[str, Any]:
    """Return the bars and the table of the steps."""
    found = answer_funnel(question, way)
    names = [name for name in FUNNEL_METRICS if name != "sessions" or not way.window]
    return {
        "funnel": funnel,
        "about": _about(funnel),
        "heads": [METRICS[name] for name in names],
        "steps": [_step_row(number, row, way, names) for number, row in enumerate(found.rows)],
        "text": _text(found),
        "csv_link": f"{state.base}funnels/{funnel.pk}/export.csv?{state.asked}",
        "rate": Number.of("conversionRate", found.totals.metrics, found.totals.previous),
        "is_exact": found.is_exact,
    }


def _step_row(number: int, row: Row, way: Way, names: Sequence[str]) -> StepRow:
    return StepRow(
        number=number + 1,
        text=row.label or "",
        kind=KINDS[way.steps[number].kind],
        numbers=[Number.of(name, row.metrics, row.previous) for name in names],
        height=row.metrics["conversionFromFirst"] or 0,
        rate=format_metric("conversionFromFirst", row.metrics["conversionFromFirst"]),
    )


def _text(found: Answer) -> str:
    """Return what the bars show as a sentence."""
    totals = found.totals.metrics
    return f"{totals['started']:,} began, {totals['completed']:,} took the last step"


def _form(
    request: HttpRequest,
    website: Website,
    fields: Fields,
    steps: list[Fields],
    funnel: Funnel | None = None,
    *,
    error: Invalid | Conflict | None = None,
) -> HttpResponse:
    context = form_context(fields, steps, error) | {
        "website": website,
        "here": "funnels",
        "is_owner": True,
        "funnel": funnel,
    }
    return render(request, "pages/funnel_form.html", context, status=400 if error else 200)


_FUNNEL = "funnels/<uuid:funnel_id>/"
funnel_urls = [
    path("websites/<uuid:id>/funnels/", funnels_page, name="website_funnels"),
    path("share/<str:token>/funnels/", funnels_page),
    path("websites/<uuid:id>/funnels/new/", new_funnel, name="website_new_funnel"),
    path(f"websites/<uuid:id>/{_FUNNEL}", funnel_page, name="website_funnel"),
    path(f"share/<str:token>/{_FUNNEL}", funnel_page),
    path(f"websites/<uuid:id>/{_FUNNEL}export.csv", export_funnel),
    path(f"share/<str:token>/{_FUNNEL}export.csv", export_funnel),
    path(f"websites/<uuid:id>/{_FUNNEL}edit/", edit_funnel, name="website_edit_funnel"),
]
