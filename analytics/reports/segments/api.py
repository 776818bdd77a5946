"""The API of segments: filters under a name."""

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.reports.segments.new_segment import NEW, TAKEN, TOO_MANY, create_segment
from analytics.reports.segments.responses import SegmentBody, SegmentDeleted, SegmentList
from config.api import registry
from config.api.errors import Conflict, NotFound
from config.api.view import ApiView
from websites.models import Segment
from websites.ownership import NOT_FOUND, bearer, own_website

NO_SEGMENT = NotFound("Segment not found")


class SegmentsView(ApiView):
    """/api/v1/websites/:id/segments"""

    api = registry.STATISTICS

    @bearer(
        failed="Failed to fetch segments",
        responses={200: SegmentList},
        errors=(NotFound(NOT_FOUND),),
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """List the segments of a website by name."""
        found = Segment.objects.of_website(own_website(request, id).pk)
        bodies = [SegmentBody.from_attributes(segment) for segment in found]
        return self.respond(200, SegmentList(bodies, total=len(bodies)))

    @bearer(
        failed="Failed to create segment",
        request=NEW,
        responses={201: SegmentBody},
        errors=(NotFound(NOT_FOUND), Conflict(TAKEN), Conflict(TOO_MANY)),
    )
    def post(self, request: Request, id: str) -> HttpResponse:
        """Keep conditions under a name; the dashboard offers them."""
        website = own_website(request, id)  # a 404 comes before a 400
        segment = create_segment(website, **NEW.run_validation(self.json()))
        return self.respond(201, SegmentBody.from_attributes(segment))


class SegmentView(ApiView):
    """/api/v1/websites/:id/segments/:segmentId"""

    api = registry.STATISTICS

    @bearer(
        failed="Failed to delete segment",
        responses={200: SegmentDeleted},
        errors=(NotFound(NOT_FOUND), NO_SEGMENT),
    )
    def delete(self, request: Request, id: str, segment_id: str) -> HttpResponse:
        """Delete a segment."""
        if not Segment.objects.remove(own_website(request, id).pk, segment_id):
            raise NO_SEGMENT
        return self.respond(200, SegmentDeleted())


urlpatterns = [
    path("api/v1/websites/<str:id>/segments", SegmentsView.as_view()),
    path("api/v1/websites/<str:id>/segments/<str:segment_id>", SegmentView.as_view()),
]
