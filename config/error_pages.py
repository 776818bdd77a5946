"""Pages for people whose request failed"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from config.api.dialects.base import RETRY_AFTER_SECONDS


def unavailable(request: HttpRequest) -> HttpResponse:
    """Return a page that may be asked for again: a database did not answer in time."""
    response: HttpResponse = defaults.server_error(request)
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
