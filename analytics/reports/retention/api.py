"""The API of retention: how many visitors come again."""

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.reports.answers import current
from analytics.reports.retention.cohorts import retention
from analytics.reports.retention.parameters import RETENTION, retention_question
from analytics.reports.retention.responses import RetentionBody
from analytics.reports.view import StatisticsView, statistics
from config.db import uuid7


class RetentionView(StatisticsView):
    """/api/v1/websites/:id/retention"""

    @statistics(request=RETENTION, responses={200: RetentionBody})
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show how many visitors of each week came again in later weeks.

        A visitor belongs to the week of the first event that is kept, and counts in each later
        week with another one. The last week is running. Conditions choose visitors by the sessions
        of their first week; they come again by any.
        """
        website = self.website(id)
        question = retention_question(website, request.GET, uuid7.now())
        with current(website):
            found = retention(question)
        return self.respond(200, RetentionBody.of(question, found))


urlpatterns = [
    path("api/v1/websites/<str:id>/retention", RetentionView.as_view()),
]
