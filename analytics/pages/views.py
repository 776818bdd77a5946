"""The pages of an owner's websites."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.pages import charts, dashboard, website_form
from analytics.pages.access import is_shared, owns, website_page
from analytics.pages.annotations import annotation_urls, marks_of
from analytics.pages.exports import export
from analytics.pages.funnel_preview import preview_urls
from analytics.pages.funnels import funnel_urls
from analytics.pages.goals import goal_urls
from analytics.pages.home import home
from analytics.pages.hours import hours
from analytics.pages.links import Link, State
from analytics.pages.lists import metrics_of, values_of
from analytics.pages.panels import panel_questions, panels
from analytics.pages.report import present_visitors, report, waiting
from analytics.pages.retention import retention_page
from analytics.pages.segments import segments
from analytics.pages.shares import shares
from analytics.pages.texts import DIMENSIONS, INTERVALS, METRICS
from analytics.reports.answers import answer, answer_together
from analytics.reports.live import Live, live
from analytics.reports.questions.periods import has_at_most
from analytics.reports.questions.question import GOAL, Question
from config.db import replica, uuid7
from config.server.capacity import STATISTICS
from websites.models import Goal, Website
from websites.settings import timezones

ROWS = 100  # of a whole list of values
MAX_BUCKETS = 200  # of a chart that a link leads to


@website_page()
@require_safe
def website(request: HttpRequest, website: Website) -> HttpResponse:
    """Show what happened on a website."""
    numbers = partial(_numbers, public_only=is_shared(request))
    return report(request, website, "pages/website.html", numbers)


@website_page()
@require_safe
def breakdown(request: HttpRequest, website: Website, dimension: str) -> HttpResponse:
    """Show all values of a dimension, page by page."""
    if dimension not in DIMENSIONS or dimension == GOAL:
        raise Http404
    return report(request, website, "pages/breakdown.html", partial(_values, dimension))


@website_page()
@require_safe
def live_page(request: HttpRequest, website: Website) -> HttpResponse:
    """Show what happens on a website now."""
    context = {"website": website, "here": "live", "is_owner": owns(request, website)}
    with STATISTICS.bounded(), replica.reading():
        found = live(website, uuid7.now())
    return render(request, "pages/live.html", context | _live_numbers(found, website))


@website_page()
@require_safe
def present(request: HttpRequest, website: Website) -> HttpResponse:
    """Show how many visitors are there, as a part of a page."""
    with STATISTICS.bounded():
        context = {"website": website} | present_visitors(website)
    return render(request, "pages/present.html", context)


@website_page(for_owner=True)
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, website: Website) -> HttpResponse:
    """Show the line for its pages, and change the settings of a website."""
    fields = website_form.fields_of(website)
    errors: Mapping[str, list[str]] = {}
    if request.method == "POST":
        fields, errors = website_form.changed(website, request.POST)
        if not errors:
            messages.success(request, "Saved. It counts within five seconds.")
            return redirect("website_settings", id=website.pk)
    context = waiting(request, website) | {
        "website": website,
        "here": "settings",
        "is_owner": True,
        "fields": fields,
        "errors": errors,
        "timezones": sorted(timezones()),
    }
    return render(request, "pages/settings.html", context, status=400 if errors else 200)


@website_page(for_owner=True)
@require_POST
def change(request: HttpRequest, website: Website) -> HttpResponse:
    """Pause, resume or delete a website, or give it a new tracking code."""
    match request.POST.get("action"):
        case "pause" | "resume" as action:
            website.change(is_active=action == "resume")
            messages.success(request, f"{action.capitalize()}d.")
        case "rotate":
            website.rotate_code()
            messages.success(request, "It has a new tracking code; the old one works for a day.")
        case "delete" if request.POST.get("name") == website.name:
            website.delete()
            messages.success(request, f"{website.name} is deleted.")
            return redirect("home")
        case "delete":
            messages.error(request, "To delete it, enter its name.")
    return redirect("website_settings", id=website.pk)


@website_page()
@require_safe
def first_event(request: HttpRequest, website: Website) -> HttpResponse:
    """Show whether an event has come, as a part of a page."""
    return render(request, "pages/waiting.html", waiting(request, website))


def _numbers(question: Question, state: State, *, public_only: bool) -> dict[str, Any]:
    """Return the cards, the chart and the lists of the dashboard."""
    metric = state.query.get("chart", "")
    metric = metric if metric in dashboard.CARDS else dashboard.CARDS[0]
    interval = question.interval or ""
    lists = panel_questions(question, state)
    marks = marks_of(question, public_only=public_only)
    series, *values = answer_together([replace(question, metrics=dashboard.CARDS), *lists])
    return {
        "cards": dashboard.cards(series.totals, state, metric),
        "chart": dashboard.chart_of(series, metric, interval, marks),
        "marks": marks,
        "chart_rows": dashboard.chart_rows(series, metric, interval),
        "chart_label": METRICS[metric].label,
        "chart_text": dashboard.chart_text(series, metric),
        "intervals": _intervals(state, question, interval),
        "panels": panels(lists, values, state),
        "has_goals": Goal.objects.of_website(question.website.pk).exists(),
        "hours_link": f"{state.base}hours/?{state.asked}",
        "definitions": [METRICS[name] for name in (*dashboard.CARDS, "events")],
        "is_exact": series.is_exact,
        "is_empty": not series.totals.metrics["visitors"],
        "all_time_link": state.with_(period="all", **{"from": None, "to": None, "interval": None}),
        "chart_csv_link": state.export("time", dashboard.CARDS),
    }


def _values(dimension: str, question: Question, state: State) -> dict[str, Any]:
    """Return a part of the list of all values of a dimension."""
    names = metrics_of(dimension)
    sort = question.sort if question.sort in names else names[0]
    asked = replace(question, by=dimension, interval=None, metrics=names, limit=ROWS, sort=sort)
    found = answer(asked)
    has_more = asked.offset + ROWS < found.total
    return {
        "list": values_of(found, asked, state, can_be_sorted=True),
        "definitions": [METRICS[name] for name in names],
        "search": question.search,
        "previous_link": state.at_offset(asked.offset - ROWS) if asked.offset else None,
        "next_link": state.at_offset(asked.offset + ROWS) if has_more else None,
        "is_truncated": found.is_truncated,
        "is_exact": found.is_exact,
    }


def _intervals(state: State, question: Question, chosen: str) -> list[Link]:
    """Return the intervals that give a chart several buckets, and not too many."""

    def has_at_most_so_many(buckets: int, interval: str) -> bool:
        return has_at_most(buckets, question.range, interval, question.timezone)

    return [
        Link(text, state.with_(interval=each), each == chosen)
        for each, text in INTERVALS.items()
        if each == chosen
        or (has_at_most_so_many(MAX_BUCKETS, each) and not has_at_most_so_many(1, each))
    ]


def _live_numbers(found: Live, website: Website) -> dict[str, Any]:
    """Return what the live page shows; the present minute is the last one."""
    zone = ZoneInfo(website.timezone)
    minutes = [(minute.start.astimezone(zone), minute) for minute in found.minutes]
    lists = {"Pages": found.pages, "Sources": found.sources, "Countries": found.countries}
    return {
        "live": found,
        "minutes": minutes,
        "bars": charts.bars(
            [minute.page_views for minute in found.minutes],
            [f"{at:%H:%M}: {minute.page_views}" for at, minute in minutes],
        ),
        "views": sum(minute.page_views for minute in found.minutes),
        "lists": lists.items(),
        "events": [(event.at.astimezone(zone), event) for event in found.events],
    }


urlpatterns = [
    path("", home, name="home"),
    path("websites/<uuid:id>/", website, name="website"),
    path("websites/<uuid:id>/by/<str:dimension>/", breakdown, name="website_breakdown"),
    path("websites/<uuid:id>/hours/", hours, name="website_hours"),
    path("websites/<uuid:id>/export.csv", export, name="website_export"),
    path("websites/<uuid:id>/live/", live_page, name="website_live"),
    path("websites/<uuid:id>/now/", present, name="website_now"),
    path("websites/<uuid:id>/retention/", retention_page),
    path("share/<str:token>/", website, name="share"),
    path("share/<str:token>/by/<str:dimension>/", breakdown),
    path("share/<str:token>/hours/", hours),
    path("share/<str:token>/export.csv", export),
    path("share/<str:token>/live/", live_page),
    path("share/<str:token>/now/", present),
    path("share/<str:token>/retention/", retention_page),
    *annotation_urls,
    *preview_urls,
    *funnel_urls,
    *goal_urls,
    path("websites/<uuid:id>/settings/", settings, name="website_settings"),
    path("websites/<uuid:id>/shares/", shares, name="website_shares"),
    path("websites/<uuid:id>/segments/", segments, name="website_segments"),
    path("websites/<uuid:id>/change/", change, name="website_change"),
    path("websites/<uuid:id>/first-event/", first_event, name="website_first_event"),
]
