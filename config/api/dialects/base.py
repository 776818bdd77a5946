"""The base of all dialects: responses in JSON, and the headers that HTTP demands of errors."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import msgspec
from django.http import HttpRequest, HttpResponse

from config.api import errors
from config.api.bodies import Body
from config.api.errors import ApiError

RETRY_AFTER_SECONDS = 5

StatusAndBody = tuple[int, Body]


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages in which one endpoint's errors differ from those of its neighbours."""

    invalid: str = ""
    failed: str = "Request failed"
    failed_code: str = "INTERNAL_ERROR"
    unavailable: str = "Storage is unavailable"


def json_response(status: int, body: Body | None) -> HttpResponse:
    """Return a response with a JSON body, or with none at all."""
    if body is None:
        response = HttpResponse(status=status)
        del response["Content-Type"]
        return response
    content = msgspec.json.encode(body)
    return HttpResponse(content, status=status, content_type="application/json")


class Dialect(ABC):
    """The status and body of one API for each error."""

    @abstractmethod
    def describe(self, error: ApiError, messages: Messages, request: HttpRequest) -> StatusAndBody:
        """Return the status and the body for an error; an unforeseen one is not explained."""

    def respond(self, error: ApiError, messages: Messages, request: HttpRequest) -> HttpResponse:
        """Return the whole response for an error."""
        status, body = self.describe(error, messages, request)
        response = json_response(status, body)
        match error:
            case errors.RateLimited():
                response["Retry-After"] = str(error.retry_after_seconds)
            case errors.MethodNotAllowed():
                response["Allow"] = ", ".join(error.allowed)
        if status == 401:
            response["WWW-Authenticate"] = "Bearer"
        if status == 503 and isinstance(error, errors.StorageUnavailable):
            response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
