"""The API of segments: filters under a name."""

from typing import Any

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.reports.segments import NEW, TAKEN, TOO_MANY, create_segment
from analytics.reports.segments_responses import SegmentBody, SegmentDeleted, SegmentList
from config.api import registry
from config.api.dialects.base import Messages
from config.api.errors import ApiError, Conflict, NotFound
from config.api.view import ApiView, endpoint
from websites.authentication import BearerAuthentication
from websites.models import Segment
from websites.ownership import NOT_FOUND, own_website

NO_SEGMENT = NotFound("Segment not found")


def bearer(*errors: ApiError, failed: str, **more: Any) -> endpoint:
    """Return an endpoint with this API's authentication and messages."""
    return endpoint(
        authentication=BearerAuthentication,
        messages=Messages(invalid="Invalid request body", failed=failed),
        errors=(NotFound(NOT_FOUND), *errors),
        **more,
    )


class SegmentsView(ApiView):
    """/api/v1/websites/:id/segments"""

    api = registry.STATISTICS

    @bearer(failed="Failed to fetch segments", responses={200: SegmentList})
    def get(self, request: Request, id: str) -> HttpResponse:
        """List the segments of a website by name."""
        found = Segment.objects.of_website(own_website(request, id).pk)
        bodies = [SegmentBody.from_attributes(segment) for segment in found]
        return self.respond(200, SegmentList(bodies, total=len(bodies)))

    @bearer(
        Conflict(TAKEN),
        Conflict(TOO_MANY),
        failed="Failed to create segment",
        request=NEW,
        responses={201: SegmentBody},
    )
    def post(self, request: Request, id: str) -> HttpResponse:
        """Keep conditions under a name; the dashboard offers them."""
        website = own_website(request, id)  # a 404 comes before a 400
        segment = create_segment(website, **NEW.run_validation(self.json()))
        return self.respond(201, SegmentBody.from_attributes(segment))


class SegmentView(ApiView):
    """/api/v1/websites/:id/segments/:segmentId"""

    api = registry.STATISTICS

    @bearer(NO_SEGMENT, failed="Failed to delete segment", responses={200: SegmentDeleted})
    def delete(self, request: Request, id: str, segment_id: str) -> HttpResponse:
        """Delete a segment."""
        if not Segment.objects.remove(own_website(request, id).pk, segment_id):
            raise NO_SEGMENT
        return self.respond(200, SegmentDeleted())


urlpatterns = [
    path("api/v1/websites/<str:id>/segments", SegmentsView.as_view()),
    path("api/v1/websites/<str:id>/segments/<str:segment_id>", SegmentView.as_view()),
]
