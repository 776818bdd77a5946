"""The first page: what this is, or somebody's websites."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from analytics.pages import charts
from analytics.pages.links import Link, State
from analytics.pages.numbers import Number
from analytics.pages.texts import PERIODS
from analytics.reports.answers import answer, current
from analytics.reports.live import live
from analytics.reports.parameters.parameters import question_of
from analytics.reports.questions.question import Metrics, Row
from config import runtime
from config.api.errors import Conflict, Invalid
from config.db import uuid7
from websites.models import User, Website
from websites.new_website import NEW, unique_host
from websites.page import AWAY, DATABASE_FAILURES, page

PER_PAGE = 20  # websites of a list, each of which is asked two questions
HOME_PERIODS = ("today", "7d", "28d", "90d")
HOME_METRICS = ("visitors", "pageviews", "bounceRate")
SUMMED = ("visitors", "pageviews")


@dataclass(frozen=True, slots=True)
class Site:
    """A website in the list: the page views of each of the last 24 hours, and some numbers."""

    website: Website
    spark: str = ""
    spark_text: str = ""
    totals: Row | None = None
    present: int = 0  # visitors who are there now
    error: str = ""

    @property
    def numbers(self) -> list[Number]:
        return [] if self.totals is None else _numbers(self.totals, HOME_METRICS)


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
    sites = [_site(website, period) for website in listed]
    return {
        "sites": sites,
        "totals": [] if pages.num_pages > 1 else _totals_of_all(sites),
        "pages": listed,
        "previous_link": state.with_(list=str(listed.number - 1)),
        "next_link": state.with_(list=str(listed.number + 1)),
        "periods": [
            Link(PERIODS[each], state.with_(period=each), each == period) for each in HOME_PERIODS
        ],
    }


def _site(website: Website, period: str) -> Site:
    asked = QueryDict(f"period={period}&compare=previous&metrics={','.join(HOME_METRICS)}")
    hours = QueryDict("period=24h&by=time&interval=hour&metrics=pageviews")
    now = uuid7.now()
    try:
        with current(website):
            totals = answer(question_of(website, asked, now)).totals
            series = answer(question_of(website, hours, now)).rows
    except DATABASE_FAILURES:
        return Site(website, error=AWAY)
    views = [row.metrics["pageviews"] or 0 for row in series]
    return Site(
        website,
        spark=charts.sparkline(views),
        spark_text=f"{sum(views):,.0f} page views in the last 24 hours",
        totals=totals,
        present=live(website, now).visitors,
    )


def _totals_of_all(sites: Sequence[Site]) -> list[Number]:
    """Return the sums of what adds up, if there are several websites."""
    known = [site.totals for site in sites if site.totals]
    if len(known) < 2:
        return []
    current = _sums(row.metrics for row in known)
    previous = _sums(row.previous for row in known if row.previous)
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
