"""The statistics API: what the visitors of a website do, for its owner."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.http import content_disposition_header
from rest_framework.request import Request

from analytics.reports.answers import answer, current
from analytics.reports.capacity import bounded
from analytics.reports.csv_text import csv_of, file_name
from analytics.reports.live import live
from analytics.reports.live_responses import LiveBody
from analytics.reports.parameters import CSV, LIVE, STATS, StatsQuery, question_of, zone_of
from analytics.reports.question import Answer, Question
from analytics.reports.responses import StatsBody
from config.api import registry
from config.api.bodies import Csv, iso
from config.api.dialects.base import Messages
from config.api.errors import NotFound
from config.api.ratelimit import RateLimit
from config.api.view import ApiView, endpoint
from config.db import uuid7
from websites.authentication import Guest, ReaderAuthentication
from websites.models import Website
from websites.ownership import NOT_FOUND, readable_website


def caller_id_of(request: HttpRequest) -> str:
    """Return the id of the caller, or of the share, that authentication has found."""
    caller = cast(Any, request.user)
    return str(caller.share.pk if isinstance(caller, Guest) else caller.pk)


RATE = RateLimit(
    "RATE_STATS",
    shared="all statistics",
    per="user or share",
    name_of=caller_id_of,
    has_ceiling=False,
)


def statistics(**more: Any) -> endpoint:
    """Return an endpoint with this API's authentication, limit and messages."""
    return endpoint(
        authentication=ReaderAuthentication,
        rate=RATE,
        messages=Messages(
            invalid="Invalid query parameters",
            failed="Failed to fetch statistics",
            unavailable="Event storage is unavailable",
        ),
        errors=(NotFound(NOT_FOUND),),
        **more,
    )


class StatisticsView(ApiView):
    """What the views share."""

    api = registry.STATISTICS

    def website(self, id: str) -> Website:
        """Return the website, if the caller may see its statistics; raises NotFound."""
        return readable_website(self.request, id)

    def answered(self, website: Website, query: StatsQuery) -> tuple[Question, Answer]:
        """Return what is asked, and the answer, with all events that are stored by now."""
        question = question_of(website, self.request.GET, uuid7.now(), query)
        with current(website):
            return question, answer(question)


class StatsView(StatisticsView):
    """/api/v1/websites/:id/stats"""

    @statistics(request=STATS, responses={200: StatsBody})
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show totals, a series (`by=time`) or a breakdown by a dimension.

        Visitors are counted exactly, whatever the range. A session counts where it begins; page
        views, events and visitors count when they happen. Bots do not count.
        """
        question, found = self.answered(self.website(id), STATS)
        return self.respond(200, StatsBody.of(question, found))


class StatsCsvView(StatisticsView):
    """/api/v1/websites/:id/stats.csv"""

    @statistics(request=CSV, responses={200: Csv}, headers=("Content-Disposition",))
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show the same as comma separated values.

        A cell that a spreadsheet would run as a formula begins with an apostrophe.
        """
        website = self.website(id)
        question, found = self.answered(website, CSV)
        response = HttpResponse(csv_of(question, found), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = content_disposition_header(True, file_name(question))
        return response


class LiveView(StatisticsView):
    """/api/v1/websites/:id/live"""

    @statistics(request=LIVE, responses={200: LiveBody})
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show the visitors of the last five minutes, and the last 30 minutes one by one."""
        website = self.website(id)
        zone, now = zone_of(website, request.GET), uuid7.now()
        with bounded():
            found = live(website, now)
        return self.respond(200, LiveBody.of(found, zone, iso(now)))


urlpatterns = [
    path("api/v1/websites/<str:id>/stats", StatsView.as_view()),
    path("api/v1/websites/<str:id>/stats.csv", StatsCsvView.as_view()),
    path("api/v1/websites/<str:id>/live", LiveView.as_view()),
]
