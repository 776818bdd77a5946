"""The statistics API: what the visitors of a website do, for its owner."""

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.reports.answers import answer, current
from analytics.reports.live import live
from analytics.reports.live_responses import LiveBody
from analytics.reports.parameters.parameters import (
    CSV,
    LIVE,
    STATS,
    StatsQuery,
    question_of,
    zone_of,
)
from analytics.reports.questions.question import Answer, Question
from analytics.reports.responses import StatsBody
from analytics.reports.view import StatisticsView, statistics
from config.api.bodies import Csv, iso
from config.db import replica, uuid7
from config.server.capacity import STATISTICS
from websites.models import Website


def answered(request: Request, website: Website, query: StatsQuery) -> tuple[Question, Answer]:
    """Return what is asked, and the answer, with all events that are stored by now."""
    question = question_of(website, request.GET, uuid7.now(), query)
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
        question, found = answered(request, self.website(id), STATS)
        return self.respond(200, StatsBody.of(question, found))


class StatsCsvView(StatisticsView):
    """/api/v1/websites/:id/stats.csv"""

    @statistics(request=CSV, responses={200: Csv}, headers=("Content-Disposition",))
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show the same as comma separated values.

        A cell that a spreadsheet would run as a formula begins with an apostrophe.
        """
        return self.csv(*answered(request, self.website(id), CSV))


class LiveView(StatisticsView):
    """/api/v1/websites/:id/live"""

    @statistics(request=LIVE, responses={200: LiveBody})
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show the visitors of the last five minutes, and the last 30 minutes one by one."""
        website = self.website(id)
        zone, now = zone_of(website, request.GET), uuid7.now()
        with STATISTICS.bounded(), replica.reading():
            found = live(website, now)
        return self.respond(200, LiveBody.of(found, zone, iso(now)))


urlpatterns = [
    path("api/v1/websites/<str:id>/stats", StatsView.as_view()),
    path("api/v1/websites/<str:id>/stats.csv", StatsCsvView.as_view()),
    path("api/v1/websites/<str:id>/live", LiveView.as_view()),
]
