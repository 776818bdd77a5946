"""What the views of the statistics API share."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header

from analytics.reports.csv_text import csv_of, file_name
from analytics.reports.questions.question import Answer, Question
from config.api import registry
from config.api.dialects.base import Messages
from config.api.errors import ApiError, NotFound
from config.api.ratelimit import RateLimit
from config.api.view import ApiView, endpoint
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


def statistics(*errors: ApiError, **more: Any) -> endpoint:
    """Return an endpoint with this API's authentication, limit and messages."""
    return endpoint(
        authentication=ReaderAuthentication,
        rate=RATE,
        messages=Messages(
            invalid="Invalid query parameters",
            failed="Failed to fetch statistics",
            unavailable="Event storage is unavailable",
        ),
        errors=(NotFound(NOT_FOUND), *errors),
        **more,
    )


class StatisticsView(ApiView):
    """What the views share."""

    api = registry.STATISTICS

    def website(self, id: str) -> Website:
        """Return the website, if the caller may see its statistics; raises NotFound."""
        return readable_website(self.request, id)

    def csv(self, question: Question, answer: Answer) -> HttpResponse:
        """Return an answer as comma separated values."""
        response = HttpResponse(csv_of(question, answer), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = content_disposition_header(True, file_name(question))
        return response
