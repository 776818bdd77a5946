"""Annotations: marks on the chart, and the pages on which their owner writes them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods

from analytics.pages.access import website_page
from analytics.pages.step_forms import problem_lines
from analytics.reports.annotations.new_annotation import (
    ANNOTATION,
    MAX_LENGTH,
    by_time,
    change_annotation,
    create_annotation,
    instant_of,
)
from analytics.reports.questions.buckets import edges_of, local_day
from analytics.reports.questions.question import Question
from config.api.errors import Conflict, Invalid, NotFound
from config.db import uuid7
from websites.models import Annotation, Website


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation on a chart; x: its place, in per cent of the width."""

    annotation: Annotation
    when: str
    bucket: int
    x: float


def marks_of(question: Question, *, public_only: bool) -> list[Mark]:
    """Return the annotations of the range of a series, in their order.

    A day is one of the time zone of the question; it is marked where the range has a part of it.
    """
    zone, (start, end) = question.timezone, question.range
    days = local_day(start, zone), local_day(end - datetime.resolution, zone)
    found = Annotation.objects.of_website(question.website.pk).within(start, end, days)
    found = found.public() if public_only else found
    edges = edges_of(question.range, question.interval or "", zone)
    at = {each: max(start, instant_of(each, zone)) for each in found}
    return [
        _mark(each, bisect_right(edges, at[each]) - 1, len(edges) - 1, zone)
        for each in sorted(found, key=lambda each: (at[each], each.pk))
    ]


def _mark(annotation: Annotation, bucket: int, buckets: int, zone: ZoneInfo) -> Mark:
    x = round(100 * (bucket + 0.5) / buckets, 2)
    return Mark(annotation, when_text(annotation, zone), bucket, x)


def when_text(annotation: Annotation, zone: ZoneInfo) -> str:
    """Return the day, or the instant, as people read it."""
    if annotation.at is None:
        return f"{annotation.when:%a} {annotation.when.day} {annotation.when:%b %Y}"
    local = annotation.at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


@website_page(for_owner=True)
@require_http_methods(["GET", "HEAD", "POST"])
def annotations_page(request: HttpRequest, website: Website) -> HttpResponse:
    """List the annotations of a website, and take another one."""
    if request.method != "POST":
        today = local_day(uuid7.now(), ZoneInfo(website.timezone))
        return _page(request, website, {"day": today.isoformat()})
    try:
        create_annotation(website, ANNOTATION.run_validation(_values(request, website)))
    except (Invalid, Conflict) as error:
        return _page(request, website, request.POST, error=error)
    messages.success(request, "The annotation is on the chart.")
    return redirect("website_annotations", id=website.pk)


@website_page(for_owner=True)
@require_http_methods(["GET", "HEAD", "POST"])
def annotation_page(request: HttpRequest, website: Website, annotation_id: UUID) -> HttpResponse:
    """Change or delete an annotation."""
    annotation = Annotation.objects.of_website(website.pk).filter(pk=annotation_id).first()
    if annotation is None:
        raise Http404
    if request.method != "POST":
        return _page(request, website, _fields_of(annotation), annotation)
    if "delete" in request.POST:
        annotation.delete()
        messages.success(request, "The annotation is deleted.")
        return redirect("website_annotations", id=website.pk)
    try:
        values = ANNOTATION.run_validation(_values(request, website))
        if _is_unmoved(annotation, request.POST):
            del values["when"]
        change_annotation(website, str(annotation_id), values)
    except NotFound as error:  # deleted meanwhile
        raise Http404 from error
    except Invalid as error:
        return _page(request, website, request.POST, annotation, error=error)
    messages.success(request, "Saved.")
    return redirect("website_annotations", id=website.pk)


def _fields_of(annotation: Annotation) -> dict[str, str]:
    local = annotation.at and annotation.at.astimezone(ZoneInfo(annotation.website.timezone))
    return {
        "day": f"{local or annotation.when:%Y-%m-%d}",
        "time": f"{local:%H:%M:%S}" if local else "",
        "text": annotation.text,
        **({"isPublic": "on"} if annotation.is_public else {}),
    }


def _is_unmoved(annotation: Annotation, sent: Mapping[str, Any]) -> bool:
    """Return whether a form has the day and time that it was shown with.

    It has no milliseconds, and of an hour that comes twice only the first.
    """
    fields = _fields_of(annotation)
    return all(sent.get(name) == fields[name] for name in ("day", "time"))


def _values(request: HttpRequest, website: Website) -> dict[str, Any]:
    """Return what was sent as the API has it."""
    sent = request.POST
    at, time = sent.get("day", ""), sent.get("time", "")
    if time:
        at = f"{at}T{time}"
        try:
            local = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(website.timezone))
            at = local.isoformat()
        except (ValueError, OverflowError):
            pass  # the rules of the API say what is wrong with it
    return {"at": at, "text": sent.get("text", ""), "isPublic": "isPublic" in sent}


def _page(
    request: HttpRequest,
    website: Website,
    fields: Mapping[str, Any],
    annotation: Annotation | None = None,
    *,
    error: Invalid | Conflict | None = None,
) -> HttpResponse:
    errors = problem_lines(error.problems) if isinstance(error, Invalid) else []
    context = {
        "website": website,
        "here": "dashboard",
        "is_owner": True,
        "fields": fields,
        "max_length": MAX_LENGTH,
        "annotation": annotation,
        "annotations": [] if annotation else _listed(website),
        "errors": [error.message] if isinstance(error, Conflict) else list(errors),
    }
    return render(request, "pages/annotations.html", context, status=400 if error else 200)


def _listed(website: Website) -> Sequence[tuple[Annotation, str]]:
    """Return all annotations, the newest first."""
    zone = ZoneInfo(website.timezone)
    return [(each, when_text(each, zone)) for each in reversed(by_time(website))]


annotation_urls = [
    path("websites/<uuid:id>/annotations/", annotations_page, name="website_annotations"),
    path(
        "websites/<uuid:id>/annotations/<uuid:annotation_id>/",
        annotation_page,
        name="website_annotation",
    ),
]
