"""The dashboard: five views of a website's last days, for its owner."""

from typing import Any

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.dashboard import queries
from analytics.dashboard.queries import Period
from analytics.dashboard.responses import (
    Devices,
    DevicesBody,
    MetricsBody,
    PageViewsBody,
    ReferrersBody,
    TopPagesBody,
)
from analytics.events.fields import Clamped
from config.api import registry
from config.api.dialects.base import Messages
from config.api.errors import Forbidden, MissingParameter
from config.api.fields import Text
from config.api.serializers import StrictSerializer
from config.api.view import ApiView, endpoint
from config.db import uuid7
from websites.authentication import BearerAuthentication, caller_of
from websites.models import Website

WEBSITE = "websiteId"
NOT_YOURS = "Unauthorized access to website"


class PeriodQuery(StrictSerializer):
    """Which website, and how many days; numbers that make no sense are brought into range."""

    websiteId = Text()
    days = Clamped(1, 3650, default=7)


class ListQuery(PeriodQuery):
    """The same, and how many rows."""

    limit = Clamped(1, 1000, default=10)


PERIOD, LIST = PeriodQuery(), ListQuery()


def dashboard(name: str, *, query: StrictSerializer = PERIOD, **more: Any) -> endpoint:
    """Return the endpoint of one view, which its errors name."""
    return endpoint(
        authentication=BearerAuthentication,
        messages=Messages(
            failed=f"Failed to fetch {name}", unavailable="Event storage is unavailable"
        ),
        request=query,
        errors=(MissingParameter(WEBSITE), Forbidden(NOT_YOURS)),
        **more,
    )


class DashboardView(ApiView):
    """What the views share."""

    api = registry.DASHBOARD

    def period(self, query: StrictSerializer) -> tuple[Period, dict[str, Any]]:
        """Return the period that is asked for, and all parameters.

        Raises MissingParameter, or Forbidden if the website is not the caller's.
        """
        sent = self.request.query_params.dict()
        if not sent.get(WEBSITE):
            raise MissingParameter(WEBSITE)
        values = query.run_validation(sent)
        id = uuid7.parse(values[WEBSITE])
        owned = Website.objects.owned_by(caller_of(self.request).user_id)
        if id is None or not owned.filter(id=id).exists():
            raise Forbidden(NOT_YOURS)
        return Period.last(values["days"], id, uuid7.now()), values


class MetricsView(DashboardView):
    """/api/v1/dashboard/metrics"""

    @dashboard("metrics", responses={200: MetricsBody})
    def get(self, request: Request) -> HttpResponse:
        """Show totals of the last days, beside those of as many days before.

        A session counts with its events in the period alone. Numbers are rounded half up.
        """
        period, values = self.period(PERIOD)
        current, previous = queries.metrics(period)
        body = MetricsBody.of(current, previous, website=period.website_id, days=values["days"])
        return self.respond(200, body)


class PageViewsView(DashboardView):
    """/api/v1/dashboard/pageviews"""

    @dashboard("pageview data", responses={200: PageViewsBody})
    def get(self, request: Request) -> HttpResponse:
        """Show page views by day of UTC."""
        period, _ = self.period(PERIOD)
        return self.respond(200, PageViewsBody.of(queries.page_views(period)))


class TopPagesView(DashboardView):
    """/api/v1/dashboard/top-pages"""

    @dashboard("top pages", query=LIST, responses={200: TopPagesBody})
    def get(self, request: Request) -> HttpResponse:
        """Show the URLs with most page views."""
        period, values = self.period(LIST)
        return self.respond(200, TopPagesBody.of(queries.top_pages(period, values["limit"])))


class ReferrersView(DashboardView):
    """/api/v1/dashboard/referrers"""

    @dashboard("referrer data", query=LIST, responses={200: ReferrersBody})
    def get(self, request: Request) -> HttpResponse:
        """Show the hosts of referrers with most page views."""
        period, values = self.period(LIST)
        return self.respond(200, ReferrersBody.of(queries.referrers(period, values["limit"])))


class DevicesView(DashboardView):
    """/api/v1/dashboard/devices"""

    @dashboard("device statistics", responses={200: DevicesBody})
    def get(self, request: Request) -> HttpResponse:
        """Show page views by type of device."""
        period, _ = self.period(PERIOD)
        return self.respond(200, DevicesBody(True, Devices(**queries.devices(period))))


urlpatterns = [
    path("api/v1/dashboard/metrics", MetricsView.as_view()),
    path("api/v1/dashboard/pageviews", PageViewsView.as_view()),
    path("api/v1/dashboard/top-pages", TopPagesView.as_view()),
    path("api/v1/dashboard/referrers", ReferrersView.as_view()),
    path("api/v1/dashboard/devices", DevicesView.as_view()),
]
