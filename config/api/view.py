"""The base view of all APIs: order of checks, request bodies, responses and errors."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.api import ratelimit, request_body
from config.api.bodies import Body
from config.api.cors import is_public
from config.api.dialects.base import Messages, json_response
from config.api.errors import (
    ApiError,
    BadRequest,
    Invalid,
    MethodNotAllowed,
    RateLimited,
    StorageUnavailable,
    SwitchedOff,
)
from config.api.fields import List
from config.api.outcomes import Outcome, best_of
from config.api.problems import problems_of
from config.api.ratelimit import DailyQuota, FixedWindow, RateLimit
from config.api.registry import Api
from config.api.request_body import EMPTY, Json
from config.api.serializers import StrictSerializer

logger = logging.getLogger(__name__)
Handler = TypeVar("Handler", bound=Callable[..., HttpResponseBase])
Shape = type[Body] | type[str]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class endpoint:
    """One method of a path: a decorator of its handler.

    ingest: its responses carry X-Event-Outcome.
    authentication: who may call.
    rate: the limit on its requests.
    max_body: the setting that limits its body.
    messages: the error messages that only this endpoint has.

    The rest is for the OpenAPI document alone:
    request: the serializers of which one reads the body, or of a GET the query.
    array: what the body may be instead of an object.
    responses: the body of each success, several where it is one of them; None is an empty one,
        str plain text, Csv comma separated values.
    errors: samples of those that the handler raises itself.
    takes_key: whether a single post may have an Idempotency-Key.
    headers: names of those that only this endpoint sends.
    optional_authentication: what the handler asks for itself, in some cases.
    """

    ingest: bool = False
    authentication: type[BaseAuthentication] | None = None
    rate: RateLimit | DailyQuota | None = None
    max_body: str = "MAX_BODY_BYTES"
    messages: Messages = field(default_factory=Messages)
    optional_authentication: type[BaseAuthentication] | None = None
    request: StrictSerializer | tuple[StrictSerializer, ...] = ()
    array: List | None = None
    responses: Mapping[int, Shape | tuple[Shape, ...] | None] = field(default_factory=dict)
    errors: tuple[ApiError, ...] = ()
    takes_key: bool = False
    headers: tuple[str, ...] = ()

    def __call__(self, handler: Handler) -> Handler:
        handler.endpoint = self  # type: ignore[attr-defined]
        return handler

    @property
    def max_body_bytes(self) -> int:
        return int(getattr(settings, self.max_body))

    @property
    def serializers(self) -> tuple[StrictSerializer, ...]:
        return self.request if isinstance(self.request, tuple) else (self.request,)


class ApiView(APIView):
    """A view whose errors, whatever fails, are in the dialect of its API.

    DRF calls, in this order: `initial` (method, authentication, rate limit, size of the body), the
    handler, and after an exception `handle_exception`. Subclasses set `api` and decorate their
    handlers with `endpoint`.
    """

    api: ClassVar[Api]
    parser_classes = ()  # bodies are read by `json`, once all that comes before them is checked

    @cached_property
    def endpoint(self) -> endpoint:
        return endpoint_of(type(self), self.request.method)

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def get_authenticators(self) -> list[BaseAuthentication]:
        authentication = self.endpoint.authentication
        return [authentication()] if authentication else []

    def get_throttles(self) -> list[BaseThrottle]:
        return [FixedWindow(self.endpoint.rate)] if self.endpoint.rate else []

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return None, None  # JSON, whatever Accept says

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        allowed = allowed_methods(type(self))
        if request.method not in allowed:
            raise MethodNotAllowed(allowed)
        super().initial(request, *args, **kwargs)
        request_body.check_size(request._request, self.endpoint.max_body_bytes)

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        # Of a token and a session the token counts; a logout may revoke it before the request is
        # recorded.
        if request.auth or (request.user and not request.headers.get("Authorization")):
            self.annotate(user_id=request.user.pk)

    def annotate(self, **found: Any) -> None:
        """Give the activity recorder a `user_id`, `session_id` or `project_id` of this request.

        It finds others in the headers and the path; this is for those that only the handler knows.
        """
        annotations(self.request._request).update(found)

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        events = vars(self.request).get("events", 1)
        try:
            ratelimit.count_failed(self.request._request)
        except RateLimited as error:
            exc = error
        return error_response(self.request._request, exc, self.api, self.endpoint, events=events)

    def json(self) -> Any:
        """Return the JSON value of the request's body, {} for an empty one."""
        return self.sent().value

    def sent(self) -> Json:
        """Return the JSON of the request's body, {} for an empty one."""
        body = self.body()
        return request_body.parse_with_text(body) if body else EMPTY

    def sent_batch(self) -> Json:
        """Return the JSON of a batch's body; if it is refused, all its events are counted."""
        sent = self.sent()
        vars(self.request)["events"] = events_in(sent.value)
        return sent

    def body(self) -> bytes:
        """Return the bytes of the request's body, its size and type checked."""
        request = self.request._request
        body = request_body.read(request, self.endpoint.max_body_bytes)
        if body:
            request_body.check_type(request, public=is_public(request.path_info))
        return body

    def respond(
        self,
        status: int,
        body: Body | None,
        outcome: Outcome | None = None,
    ) -> HttpResponse:
        """Return a success; of an ingest route with the outcome of its event, which is counted."""
        response = json_response(status, body)
        if outcome:
            response["X-Event-Outcome"] = outcome.value
            outcome.count(self.api.name)
        return response

    def respond_batch(
        self, status: int, body: Body, outcomes: Mapping[Outcome, int]
    ) -> HttpResponse:
        """Return a success with the best of these outcomes; all events are counted."""
        response = json_response(status, body)
        response["X-Event-Outcome"] = best_of(outcomes).value
        for outcome, events in outcomes.items():
            outcome.count(self.api.name, events)
        return response


def events_in(body: Any) -> int:
    """Return the number of events in a batch, 1 for a body in which none can be counted."""
    sent = body.get("events") if isinstance(body, dict) else None
    return len(sent) or 1 if isinstance(sent, list) else 1


def annotations(request: HttpRequest) -> dict[str, Any]:
    """Return the annotations of a request, for its view to add to."""
    found: dict[str, Any] = vars(request).setdefault("annotations", {})
    return found


def endpoint_of(view: type[ApiView], method: str | None) -> endpoint:
    """Return the endpoint of a method; the default one for a method that the view lacks."""
    handler = getattr(view, "get" if method == "HEAD" else (method or "").lower(), None)
    return getattr(handler, "endpoint", endpoint())


def allowed_methods(view: type[ApiView]) -> list[str]:
    """Return the methods of a view, as Allow lists them."""
    methods = [method for method in METHODS if hasattr(view, method.lower())]
    return [*methods, "HEAD"] if "GET" in methods else methods


def error_response(
    request: HttpRequest, error: Exception, api: Api, here: endpoint, *, events: int = 1
) -> HttpResponse:
    """Return the response for an error in the dialect of an API; an ingest route counts it."""
    api_error = as_api_error(error)
    response = api.dialect.respond(api_error, here.messages, request)
    if here.ingest and not isinstance(api_error, MethodNotAllowed):
        outcome = outcome_of(api_error, response.status_code)
        response["X-Event-Outcome"] = outcome.value
        outcome.count(api.name, events)
    return response


def outcome_of(error: ApiError, status: int) -> Outcome:
    """Return the outcome of the events of a request that ended in an error."""
    if isinstance(error, SwitchedOff):
        return Outcome.KILL_SWITCH
    return Outcome.REJECTED if status < 500 else Outcome.WRITE_FAILED


def as_api_error(error: Exception) -> ApiError:
    """Return the ApiError for any exception; unexpected ones are logged here."""
    match error:
        case ApiError():
            return error
        case ValidationError():
            return Invalid(*problems_of(error))
        case OperationalError() | InterfaceError():
            logger.warning("Database unavailable: %s", error)
            return StorageUnavailable()
        case SuspiciousOperation():  # raised by Django, for instance for a thousand parameters
            return BadRequest()
        case _:
            logger.error("Unforeseen error", exc_info=error)
            return ApiError()
