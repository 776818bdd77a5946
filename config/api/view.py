"""The base of every API view: order of checks, reading of bodies, responses in one dialect."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.api import request_body
from config.api.bodies import Body
from config.api.cors import is_public
from config.api.dialects.base import Messages, json_response
from config.api.errors import (
    ApiError,
    BadRequest,
    MethodNotAllowed,
    StorageUnavailable,
    SwitchedOff,
)
from config.api.outcomes import Outcome, best_of
from config.api.ratelimit import FixedWindow
from config.api.registry import Api
from config.api.serializers import StrictSerializer

logger = logging.getLogger(__name__)
Handler = TypeVar("Handler", bound=Callable[..., HttpResponseBase])
Shape = type[Body] | type[str]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class endpoint:
    """What one method of a path is, written above its handler.

    ingest: its responses carry X-Event-Outcome.
    authentication: who may call; its errors are described too.
    rate: the setting with the limit of requests.
    messages: the sentences in which it differs from its neighbours.

    The rest describes it for OpenAPI:
    request: serializers of which one reads the body, or of a GET the query.
    responses: the body of each success, several where it is one of them; None is an empty one,
        str plain text.
    errors: samples of those that the handler raises itself.
    headers: names of those that only this endpoint sends.
    optional_authentication: what the handler checks itself.
    """

    ingest: bool = False
    authentication: type[BaseAuthentication] | None = None
    rate: str | None = None
    messages: Messages = field(default_factory=Messages)
    optional_authentication: type[BaseAuthentication] | None = None
    request: StrictSerializer | tuple[StrictSerializer, ...] = ()
    responses: Mapping[int, Shape | tuple[Shape, ...] | None] = field(default_factory=dict)
    errors: tuple[ApiError, ...] = ()
    headers: tuple[str, ...] = ()

    def __call__(self, handler: Handler) -> Handler:
        handler.endpoint = self  # type: ignore[attr-defined]
        return handler

    @property
    def serializers(self) -> tuple[StrictSerializer, ...]:
        """The serializers of which one reads the request."""
        return self.request if isinstance(self.request, tuple) else (self.request,)


class ApiView(APIView):
    """A view whose every response, errors included, is in the dialect of its API.

    Checks run in this order: method, authentication, rate limit, size of the body; the handler
    does the rest. Subclasses set `api` and decorate their handlers with `endpoint`.
    """

    api: ClassVar[Api]
    events_in_request = 1  # batches set it as soon as they know

    @property
    def endpoint(self) -> endpoint:
        """The endpoint of this request."""
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
        request_body.check_size(request._request)

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        if request.auth:  # a token, which a logout may revoke before the request is recorded
            self.annotate(user_id=request.user.pk)

    def annotate(self, **found: Any) -> None:
        """Let the activity recorder know a `user_id`, `session_id` or `project_id`.

        Those are what this request turned out to be about, where its headers and path do not say.
        """
        annotations(self.request._request).update(found)

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        return error_response(
            self.request._request, exc, self.api, self.endpoint, events=self.events_in_request
        )

    def json(self) -> Any:
        """Return the JSON value of the request's body, {} for an empty one."""
        body = self.body()
        return request_body.parse(body) if body else {}

    def body(self) -> bytes:
        """Return the bytes of the request's body, its size and type checked."""
        request = self.request._request
        body = request_body.read(request)
        if body:
            request_body.check_type(request, text_plain=is_public(request.path_info))
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
    """Return how many events a batch holds, 1 for a body in which none can be counted."""
    sent = body.get("events") if isinstance(body, dict) else None
    return len(sent) or 1 if isinstance(sent, list) else 1


def annotations(request: HttpRequest) -> dict[str, Any]:
    """Return what the view of a request has annotated it with."""
    notes: dict[str, Any] = vars(request).setdefault("annotations", {})
    return notes


def endpoint_of(view: type[ApiView], method: str | None) -> endpoint:
    """Return the endpoint of a method of a view; a plain one for a method that it does not have."""
    handler = getattr(view, "get" if method == "HEAD" else (method or "").lower(), None)
    return getattr(handler, "endpoint", endpoint())


def allowed_methods(view: type[ApiView]) -> list[str]:
    """Return the methods of a path, for Allow."""
    methods = [method for method in METHODS if hasattr(view, method.lower())]
    return [*methods, "HEAD"] if "GET" in methods else methods


def error_response(
    request: HttpRequest, error: Exception, api: Api, here: endpoint, *, events: int = 1
) -> HttpResponse:
    """Return the response to a request that ended in an error, in the dialect of an API."""
    api_error = as_api_error(error)
    response = api.dialect.respond(api_error, here.messages, request)
    if here.ingest and not isinstance(api_error, MethodNotAllowed):
        outcome = outcome_of(api_error, response.status_code)
        response["X-Event-Outcome"] = outcome.value
        outcome.count(api.name, events)
    return response


def outcome_of(error: ApiError, status: int) -> Outcome:
    """Return the outcome of an event whose request was refused."""
    if isinstance(error, SwitchedOff):
        return Outcome.KILL_SWITCH
    return Outcome.REJECTED if status < 500 else Outcome.WRITE_FAILED


def as_api_error(error: Exception) -> ApiError:
    """Return an exception as an ApiError; unforeseen ones are logged here."""
    match error:
        case ApiError():
            return error
        case OperationalError() | InterfaceError():
            logger.warning("Database unavailable: %s", error)
            return StorageUnavailable()
        case SuspiciousOperation():  # Django gives up, for instance on a thousand parameters
            return BadRequest()
        case _:
            logger.error("Unforeseen error", exc_info=error)
            return ApiError()
