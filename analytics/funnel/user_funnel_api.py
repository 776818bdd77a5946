"""The track API's funnel of users, for staff."""

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.funnel.user_funnel import user_funnel
from analytics.funnel.user_funnel_query import QUERY, question_of
from analytics.funnel.user_funnel_responses import UserFunnel
from config.api import registry
from config.api.errors import ReadUnavailable, StaffOnly, StorageUnavailable
from config.api.ratelimit import RateLimit
from config.api.view import ApiView, endpoint
from config.db import uuid7
from config.server.capacity import STATISTICS
from websites.authentication import AnyCaseBearerAuthentication, caller_of, require_staff


def caller_id_of(request: HttpRequest) -> str:
    return str(request.user.pk)


RATE = RateLimit("RATE_STATS", per="user", name_of=caller_id_of, has_ceiling=False)


class UserFunnelView(ApiView):
    """/api/v1/analytics/funnel"""

    api = registry.TRACK

    @endpoint(
        authentication=AnyCaseBearerAuthentication,
        rate=RATE,
        request=QUERY,
        responses={200: UserFunnel},
        errors=(StaffOnly(), ReadUnavailable()),
    )
    def get(self, request: Request) -> HttpResponse:
        """Show staff how many users take some steps, one after the other.

        Users who signed up in the range count, and their events of the range. A user reaches a step
        by the first event of its name after that of the step before; no event is two steps.
        """
        try:
            require_staff(caller_of(request))
            question = question_of(request.GET, uuid7.now().date())
            with STATISTICS.bounded():
                found = user_funnel(question)
        except (OperationalError, InterfaceError, StorageUnavailable) as error:
            raise ReadUnavailable from error
        return self.respond(200, UserFunnel.of(question, found))


urlpatterns = [path("api/v1/analytics/funnel", UserFunnelView.as_view())]
