"""The API of funnels: how many take their steps."""

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.reports.answers import current
from analytics.reports.funnels.answers import answer_funnel
from analytics.reports.funnels.parameters import FUNNEL, funnel_question
from analytics.reports.funnels.preview import PREVIEW, preview_of
from analytics.reports.funnels.query import Way
from analytics.reports.funnels.responses import FunnelStats
from analytics.reports.questions.question import Answer, Question
from analytics.reports.view import StatisticsView, statistics
from config.api.bodies import Csv
from config.api.errors import NotFound
from config.db import uuid7
from websites import goals
from websites.goal_models import Funnel

NO_FUNNEL = NotFound(goals.not_found(Funnel))


class FunnelView(StatisticsView):
    """What the views of a funnel share."""

    def answered(self, request: Request, id: str, funnel_id: str) -> tuple[Question, Answer]:
        """Return what is asked of a funnel, and the answer; raises NotFound or Invalid."""
        website = self.website(id)
        funnel = goals.find(Funnel, website, funnel_id)
        way = Way.of(funnel)
        question = funnel_question(website, request.GET, uuid7.now(), steps=len(way.steps))
        with current(website):
            return question, answer_funnel(question, way)


class FunnelStatsView(FunnelView):
    """/api/v1/websites/:id/funnels/:funnelId/stats"""

    @statistics(NO_FUNNEL, request=FUNNEL, responses={200: FunnelStats})
    def get(self, request: Request, id: str, funnel_id: str) -> HttpResponse:
        """Show how many sessions, or visitors, take the steps of a funnel.

        Steps count where they lie in the range. Sessions that begin in it can take them; of several
        ways through the funnel the one that leads furthest counts, and of these the first. No event
        is two steps. Conditions choose sessions. A range has at most 92 days.
        """
        return self.respond(200, FunnelStats.of(*self.answered(request, id, funnel_id)))


class FunnelCsvView(FunnelView):
    """/api/v1/websites/:id/funnels/:funnelId/stats.csv"""

    @statistics(NO_FUNNEL, request=FUNNEL, responses={200: Csv}, headers=("Content-Disposition",))
    def get(self, request: Request, id: str, funnel_id: str) -> HttpResponse:
        """Show the same as comma separated values."""
        return self.csv(*self.answered(request, id, funnel_id))


class PreviewView(StatisticsView):
    """What the views of a funnel that is tried out share."""

    def answered(self, request: Request, id: str) -> tuple[Question, Answer]:
        """Return what is asked, and the answer; raises NotFound or Invalid."""
        website = self.website(id)
        question, funnel = preview_of(website, request.GET, uuid7.now())
        with current(website):
            return question, answer_funnel(question, Way.of(funnel))


class PreviewStatsView(PreviewView):
    """/api/v1/websites/:id/funnels/preview/stats"""

    @statistics(request=PREVIEW, responses={200: FunnelStats})
    def get(self, request: Request, id: str) -> HttpResponse:
        """Try out a funnel, which is not stored.

        What it counts is what the same funnel would once it is stored.
        """
        return self.respond(200, FunnelStats.of(*self.answered(request, id)))


class PreviewCsvView(PreviewView):
    """/api/v1/websites/:id/funnels/preview/stats.csv"""

    @statistics(request=PREVIEW, responses={200: Csv}, headers=("Content-Disposition",))
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show the same as comma separated values."""
        return self.csv(*self.answered(request, id))


urlpatterns = [
    # Before those of stored funnels, none of which has this id.
    path("api/v1/websites/<str:id>/funnels/preview/stats", PreviewStatsView.as_view()),
    path("api/v1/websites/<str:id>/funnels/preview/stats.csv", PreviewCsvView.as_view()),
    path("api/v1/websites/<str:id>/funnels/<str:funnel_id>/stats", FunnelStatsView.as_view()),
    path("api/v1/websites/<str:id>/funnels/<str:funnel_id>/stats.csv", FunnelCsvView.as_view()),
]
