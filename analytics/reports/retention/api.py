"""The API of retention: how many visitors come again."""

from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.reports.answers import current
from analytics.reports.parameters.parameters import RETENTION, weeks_of
from analytics.reports.retention.cohorts import retention
from analytics.reports.retention.responses import RetentionBody
from analytics.reports.view import StatisticsView, statistics
from config.db import uuid7


class RetentionView(StatisticsView):
    """/api/v1/websites/:id/retention"""

    @statistics(request=RETENTION, responses={200: RetentionBody})
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show how many visitors of each week came again in later weeks.

        A visitor belongs to the week of the first event that is kept, and counts in each later
        week with another one. The last week is running.
        """
        website = self.website(id)
        weeks = weeks_of(request.GET)
        with current(website):
            found = retention(website, uuid7.now(), weeks)
        return self.respond(200, RetentionBody.of(found, ZoneInfo(website.timezone)))


urlpatterns = [
    path("api/v1/websites/<str:id>/retention", RetentionView.as_view()),
]
