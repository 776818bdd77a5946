"""Segments on the dashboard: links that set the filters, and forms that keep or forget them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from analytics.pages.access import website_page
from analytics.pages.filters import parameter
from analytics.pages.links import Link, State
from analytics.reports.questions.question import Condition, Question
from analytics.reports.segments.new_segment import NEW, conditions_of, create_segment, parameters_of
from config.api.errors import Conflict, Invalid
from websites.models import Segment, Website


@dataclass(frozen=True, slots=True)
class SegmentLink(Link):
    """A segment, chosen by a link."""

    id: str = ""


@website_page(for_owner=True)
@require_POST
def segments(request: HttpRequest, website: Website) -> HttpResponse:
    """Keep filters under a name, or forget some; return to the page of before."""
    if "delete" in request.POST:
        if Segment.objects.remove(website.pk, request.POST["delete"]):
            messages.success(request, "The segment is deleted.")
        return _back(request, website)
    sent = {name: request.POST.get(name, "") for name in ("name", "query")}
    try:
        segment = create_segment(website, **NEW.run_validation(sent))
    except Invalid as error:
        for problem in error.problems:
            messages.error(request, f"{problem.describe()}.")
    except Conflict as error:
        messages.error(request, f"{error.message}.")
    else:
        messages.success(request, f"{segment.name} is kept.")
    return _back(request, website)


def segment_menu(question: Question, state: State) -> dict[str, Any]:
    """Return the segments of a website, and the present filters, as its menu needs them."""
    found = Segment.objects.of_website(question.website.pk)
    links = [_link(segment, question.conditions, state) for segment in found]
    return {
        "segments": links,
        "is_kept": any(link.is_chosen for link in links),
        "filters": urlencode(
            {parameter(each): each.values for each in question.conditions}, doseq=True
        ),
    }


def _link(segment: Segment, present: Sequence[Condition], state: State) -> SegmentLink:
    link = state.replacing(map(parameter, present), parameters_of(segment.query))
    is_chosen = conditions_of(segment) == set(present)
    return SegmentLink(segment.name, link, is_chosen, str(segment.pk))


def _back(request: HttpRequest, website: Website) -> HttpResponse:
    dashboard = reverse("website", args=[website.pk])
    return HttpResponseRedirect(f"{dashboard}?{request.POST.get('back', '')}")
