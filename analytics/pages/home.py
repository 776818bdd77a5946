"""The first page: what this is, or somebody's websites."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from analytics.pages import charts
from analytics.pages.links import Link, State
from analytics.pages.numbers import Number
from analytics.pages.texts import PERIODS
from analytics.reports.overview import Overview, overviews
from analytics.reports.questions.question import Metrics, Row
from config import runtime
from config.api.errors import Conflict, Invalid
from websites.models import User, Website
from websites.new_website import NEW, unique_host
from websites.page import AWAY, DATABASE_FAILURES, page

PER_PAGE = 20  # websites of a list
HOME_PERIODS = ("today", "7d", "28d", "90d")
HOME_METRICS = ("visitors", "pageviews", "bounceRate")
SUMMED = ("visitors", "pageviews")


@dataclass(frozen=True, slots=True)
class Site:
    """A website in the list, with its numbers if these came in time."""

    website: Website
    overview: Overview | None

    @property
    def numbers(self) -> list[Number]:
        return _numbers(self.overview.totals, HOME_METRICS) if self.overview else []

    @property
    def spark(self) -> str:
        """The path of the page views of the last 24 hours."""
        return charts.sparkline(self.overview.page_views if self.overview else ())

    @property
    def spark_text(self) -> str:
        views = sum(self.overview.page_views) if self.overview else 0
        return f"{views:,.0f} page views in the last 24 hours"


@page
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is; show somebody who is logged in the websites, and take another one."""
    user = request.user
    if not isinstance(user, User):
        context = {"is_open": runtime.current().registration_enabled}
        return render(request, "pages/welcome.html", context)
    errors: list[str] = []
    if request.method == "POST":
        try:
            website = _add(user, request.POST)
        except Invalid as error:
            errors = [problem.describe() for problem in error.problems]
        except Conflict as error:
            errors = [error.message]
        else:
            return redirect("website_settings", id=website.pk)
    context = _sites(request, user) | {"errors": errors, "sent": request.POST}
    return render(request, "pages/home.html", context, status=400 if errors else 200)


def _sites(request: HttpRequest, user: User) -> dict[str, Any]:
    """Return the list of websites of a user, a part of it if they are many."""
    state = State(request.GET)
    period = request.GET.get("period", "")
    period = period if period in HOME_PERIODS else HOME_PERIODS[0]
    pages = Paginator(Website.objects.owned_by(user.pk), PER_PAGE)
    listed = pages.get_page(request.GET.get("list"))
    websites = list(listed)
    problem = ""
    found: dict[UUID, Overview] = {}
    try:
        found = overviews(websites, period, HOME_METRICS)
    except DATABASE_FAILURES:
        problem = AWAY
    return {
        "sites": [Site(website, found.get(website.pk)) for website in websites],
        "problem": problem,
        "totals": _sums_of(list(found.values())),
        "pages": listed,
        "previous_link": state.with_(list=str(listed.number - 1)),
        "next_link": state.with_(list=str(listed.number + 1)),
        "periods": [
            Link(PERIODS[each], state.with_(period=each), each == period) for each in HOME_PERIODS
        ],
    }


def _sums_of(overviews: Sequence[Overview]) -> list[Number]:
    """Return the sums of what adds up, if there are several websites."""
    if len(overviews) < 2:
        return []
    rows = [each.totals for each in overviews]
    current = _sums(row.metrics for row in rows)
    previous = _sums(row.previous for row in rows if row.previous)
    return _numbers(Row(None, current, previous), SUMMED)


def _sums(found: Iterable[Metrics]) -> Metrics:
    numbers = list(found)
    return {name: sum(metrics[name] or 0 for metrics in numbers) for name in SUMMED}


def _numbers(totals: Row, names: Sequence[str]) -> list[Number]:
    return [Number.of(name, totals.metrics, totals.previous) for name in names]


def _add(user: User, sent: QueryDict) -> Website:
    """Store a website by the rules of the API; raises Invalid or Conflict."""
    values = NEW.run_validation({name: sent.get(name, "") for name in ("name", "domain")})
    with unique_host(user.pk, values["domain"]):
        return Website.objects.create(user=user, **values)
