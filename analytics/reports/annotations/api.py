"""The API of annotations: notes at days or instants."""

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.reports.annotations.new_annotation import (
    ANNOTATION,
    ANNOTATION_CHANGE,
    NO_ANNOTATION,
    TOO_MANY,
    by_time,
    change_annotation,
    create_annotation,
)
from analytics.reports.annotations.responses import (
    AnnotationBody,
    AnnotationDeleted,
    AnnotationList,
)
from config.api import registry
from config.api.errors import Conflict, NotFound
from config.api.view import ApiView
from websites.models import Annotation
from websites.ownership import NOT_FOUND, bearer, own_website


class AnnotationsView(ApiView):
    """/api/v1/websites/:id/annotations"""

    api = registry.STATISTICS

    @bearer(
        failed="Failed to fetch annotations",
        responses={200: AnnotationList},
        errors=(NotFound(NOT_FOUND),),
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """List the annotations of a website by their time, the oldest first."""
        website = own_website(request, id)
        bodies = [AnnotationBody.of(each, website.timezone) for each in by_time(website)]
        return self.respond(200, AnnotationList(bodies, total=len(bodies)))

    @bearer(
        failed="Failed to create annotation",
        request=ANNOTATION,
        responses={201: AnnotationBody},
        errors=(NotFound(NOT_FOUND), Conflict(TOO_MANY)),
    )
    def post(self, request: Request, id: str) -> HttpResponse:
        """Put a note to a day or an instant; the chart of the dashboard shows it.

        Shared dashboards show it only if it is public.
        """
        website = own_website(request, id)  # a 404 comes before a 400
        annotation = create_annotation(website, ANNOTATION.run_validation(self.json()))
        return self.respond(201, AnnotationBody.of(annotation, website.timezone))


class AnnotationView(ApiView):
    """/api/v1/websites/:id/annotations/:annotationId"""

    api = registry.STATISTICS

    @bearer(
        failed="Failed to update annotation",
        request=ANNOTATION_CHANGE,
        responses={200: AnnotationBody},
        errors=(NotFound(NOT_FOUND), NO_ANNOTATION),
    )
    def put(self, request: Request, id: str, annotation_id: str) -> HttpResponse:
        """Change an annotation; what is left out stays."""
        website = own_website(request, id)
        values = ANNOTATION_CHANGE.run_validation(self.json())
        annotation = change_annotation(website, annotation_id, values)
        return self.respond(200, AnnotationBody.of(annotation, website.timezone))

    @bearer(
        failed="Failed to delete annotation",
        responses={200: AnnotationDeleted},
        errors=(NotFound(NOT_FOUND), NO_ANNOTATION),
    )
    def delete(self, request: Request, id: str, annotation_id: str) -> HttpResponse:
        """Delete an annotation."""
        if not Annotation.objects.remove(own_website(request, id).pk, annotation_id):
            raise NO_ANNOTATION
        return self.respond(200, AnnotationDeleted())


urlpatterns = [
    path("api/v1/websites/<str:id>/annotations", AnnotationsView.as_view()),
    path("api/v1/websites/<str:id>/annotations/<str:annotation_id>", AnnotationView.as_view()),
]
