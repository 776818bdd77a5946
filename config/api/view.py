"""The base of every API view: order of checks, reading of bodies, and answers in one dialect."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.fields import Field
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.api import request_body
from config.api.dialects.base import (
    Dialect,
    Words,
    json_response,
)
from config.api.errors import (
    ApiError,
    BadRequest,
    MethodNotAllowed,
    StorageUnavailable,
    SwitchedOff,
)
from config.api.outcomes import Outcome
from config.api.ratelimit import FixedWindow
from config.api.serializers import StrictSerializer

logger = logging.getLogger(__name__)
Handler = TypeVar("Handler", bound=Callable[..., HttpResponseBase])
Shape = type[Field[Any, Any, Any, Any]]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class endpoint:
    """What one method of a path is, written above its handler.

    `ingest` routes tell X-Event-Outcome; `text_plain` is read as JSON on public ones;
    `rate` names the setting with the limit.

    The rest is what config/openapi needs to describe the API: `takes` is the body, or the query of
    a GET; `answers` are the bodies of each success, None an empty one and CharField plain text;
    `refuses` are samples of the errors that the handler raises for itself; `tells` names headers
    that only this endpoint has; `optional_authentication` is what a handler asks for by itself.
    """

    ingest: bool = False
    text_plain: bool = False
    authentication: type[BaseAuthentication] | None = None
    rate: str | None = None
    words: Words = field(default_factory=Words)
    optional_authentication: type[BaseAuthentication] | None = None
    takes: StrictSerializer | tuple[StrictSerializer, ...] = ()
    answers: Mapping[int, Shape | tuple[Shape, ...] | None] = field(default_factory=dict)
    refuses: tuple[ApiError, ...] = ()
    tells: tuple[str, ...] = ()

    def __call__(self, handler: Handler) -> Handler:
        handler.endpoint = self  # type: ignore[attr-defined]
        return handler

    @property
    def takers(self) -> tuple[StrictSerializer, ...]:
        """The serializers of which one takes a body."""
        return self.takes if isinstance(self.takes, tuple) else (self.takes,)


class DialectView(APIView):
    """A view whose every answer, errors included, is worded by its dialect.

    Checks run in this order: method, authentication, rate limit, size of the body; the handler
    does the rest. Subclasses set `dialect` and decorate their handlers with `endpoint`.
    """

    dialect: ClassVar[Dialect]
    events_in_request = 1  # batches set it as soon as they know

    @property
    def endpoint(self) -> endpoint:
        """What the method of this request is."""
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
            self.note(user_id=request.user.pk)

    def note(self, **found: Any) -> None:
        """Tell the recorder of requests a `user_id`, `session_id` or `project_id`.

        Those are what this request turned out to be about, where its headers and path do not say.
        """
        noted(self.request._request).update(found)

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        return refuse(self.request._request, exc, view=type(self), events=self.events_in_request)

    def json(self) -> Any:
        """Return the JSON value of the request's body, {} for an empty one."""
        body = self.body()
        return request_body.parse(body) if body else {}

    def body(self) -> bytes:
        """Return the bytes of the request's body, its size and type checked."""
        request = self.request._request
        body = request_body.read(request)
        if body:
            request_body.check_type(request, text_plain=self.endpoint.text_plain)
        return body

    def answer(
        self,
        status: int,
        body: Any,
        outcome: Outcome | None = None,
        *,
        events: Mapping[Outcome, int] | None = None,
    ) -> HttpResponse:
        """Return a success; an ingest route also tells its outcome, and counts its events."""
        response = json_response(status, body)
        if outcome:
            response["X-Event-Outcome"] = outcome.value
            for end, count in (events or {outcome: 1}).items():
                end.count(self.dialect.name, count)
        return response


def events_in(body: Any) -> int:
    """Return how many events a batch holds, 1 for a body in which none can be counted."""
    sent = body.get("events") if isinstance(body, dict) else None
    return len(sent) or 1 if isinstance(sent, list) else 1


def noted(request: HttpRequest) -> dict[str, Any]:
    """Return what the view of a request has noted."""
    notes: dict[str, Any] = vars(request).setdefault("notes", {})
    return notes


def endpoint_of(view: type[DialectView], method: str | None) -> endpoint:
    """Return what a method of a view is; a plain endpoint for a method that it does not have."""
    handler = getattr(view, "get" if method == "HEAD" else (method or "").lower(), None)
    return getattr(handler, "endpoint", endpoint())


def allowed_methods(view: type[DialectView]) -> list[str]:
    """Return the methods of a path, for Allow."""
    methods = [method for method in METHODS if hasattr(view, method.lower())]
    return [*methods, "HEAD"] if "GET" in methods else methods


def refuse(
    request: HttpRequest, error: Exception, *, view: type[DialectView], events: int = 1
) -> HttpResponse:
    """Return the answer to a request that ended in an error, worded by the view's dialect."""
    told = as_api_error(error)
    here = endpoint_of(view, request.method)
    response = view.dialect.refuse(told, here.words, request)
    if here.ingest and not isinstance(told, MethodNotAllowed):
        outcome = outcome_of(told, response.status_code)
        response["X-Event-Outcome"] = outcome.value
        outcome.count(view.dialect.name, events)
    return response


def outcome_of(error: ApiError, status: int) -> Outcome:
    """Return what became of the event of a request that was refused."""
    if isinstance(error, SwitchedOff):
        return Outcome.KILL_SWITCH
    return Outcome.REJECTED if status < 500 else Outcome.WRITE_FAILED


def as_api_error(error: Exception) -> ApiError:
    """Return what went wrong in our own terms; whatever nobody foresaw is logged here."""
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
