"""Views of no one API: unknown paths, health and metrics, the OpenAPI document."""

import hmac
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, ClassVar, Literal

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from msgspec import Meta
from rest_framework.request import Request

from config import __version__, error_pages
from config.api.bodies import Body, Count
from config.api.client_address import is_loopback
from config.api.errors import (
    ApiError,
    BadRequest,
    Forbidden,
    HttpsRequired,
    MethodNotAllowed,
    NotFound,
    RequestTimeout,
)
from config.api.openapi.document import FORMATS, MEDIA_TYPES, rendered
from config.api.registry import EVENTS, HEALTH, Api
from config.api.view import ApiView, endpoint, endpoint_of, error_response
from config.db.routers import ANALYTICS, MAIN
from config.server import health, metrics

Page = Callable[[HttpRequest], HttpResponse]
METRICS_TOKEN_REQUIRED = "Metrics token required"
SWAGGER_UI = {
    "dom_id": "#swagger-ui",
    "url": "/api/schema/?format=json",
    "validatorUrl": None,  # the default would send this server's URL to somebody else's
    "deepLinking": True,
    "displayRequestDuration": True,
    "defaultModelsExpandDepth": 0,
}
PAGES = (
    "/admin/",
    "/accounts/",
    "/websites/",
    "/share/",
)  # their errors are pages for people, a missing slash redirects
OTHER_PAGES = ("/static/", "/api/docs/", "/api/schema/")


def _endpoint_at(path: str, method: str | None) -> tuple[Api, endpoint]:
    """Return the API of a path and the endpoint there, a plain one where no view serves it."""
    try:
        match = resolve(path)
    except Resolver404:  # the target of a request may be no path at all, but *
        return EVENTS, endpoint()
    view = getattr(match.func, "cls", None)
    if isinstance(view, type) and issubclass(view, ApiView):
        return view.api, endpoint_of(view, method)
    return match.kwargs.get("api", EVENTS), endpoint()


def _error_at_path(request: HttpRequest, error: ApiError) -> HttpResponse:
    return error_response(request, error, *_endpoint_at(request.path_info, request.method))


def not_found(request: HttpRequest, api: Api = EVENTS) -> HttpResponse:
    """Respond as if there were no such path."""
    return error_response(request, NotFound(), api, endpoint())


@csrf_exempt
def unknown_path(request: HttpRequest, api: Api = EVENTS) -> HttpResponse:
    """Respond to a path that nothing else serves, whatever the method."""
    path = request.path_info
    if f"{path}/".startswith(PAGES) and resolve(f"{path}/").func is not unknown_path:
        return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
    if path.startswith(PAGES):
        raise Http404
    return not_found(request, api)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Respond to a page that is not there, or a target that is no path."""
    if request.path_info.startswith(PAGES):
        return defaults.page_not_found(request, exception)
    return _error_at_path(request, NotFound())


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Respond to a request that Django refuses before it finds the route."""
    return _error_at_path(request, BadRequest())


def request_timeout(request: HttpRequest) -> HttpResponse:
    """Respond to a request whose body did not come whole in time."""
    if request.path_info.startswith(PAGES):
        return HttpResponse("Request timed out", status=408, content_type="text/plain")
    return _error_at_path(request, RequestTimeout())


def https_required(request: HttpRequest) -> HttpResponse:
    """Respond to a request that came in clear; a page has another address."""
    if request.path_info == "/" or request.path_info.startswith((*PAGES, *OTHER_PAGES)):
        return HttpResponsePermanentRedirect(
            f"https://{request.get_host()}{request.get_full_path()}"
        )
    return _error_at_path(request, HttpsRequired())


def server_error(request: HttpRequest) -> HttpResponse:
    """Respond to a request that crashed outside of an API view; Django has logged why.

    A page that could not be made for want of a database may be asked for again.
    """
    if request.path_info.startswith(PAGES):
        if isinstance(sys.exception(), OperationalError | InterfaceError):
            return error_pages.unavailable(request)
        return defaults.server_error(request)
    return _error_at_path(request, ApiError())


def published(show: Page) -> Page:
    """Serve GET and HEAD of a page while API_DOCS is on; without it there is no such path."""

    @csrf_exempt
    @wraps(show)
    def view(request: HttpRequest) -> HttpResponse:
        if not settings.API_DOCS:
            return not_found(request)
        if request.method not in ("GET", "HEAD"):
            return error_response(request, MethodNotAllowed(["GET", "HEAD"]), HEALTH, endpoint())
        return show(request)

    return view


@published
def schema(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document in the format of `format`, else of the Accept header."""
    requested = FORMATS.get(request.GET.get("format", ""))
    media_type = requested or request.get_preferred_type(MEDIA_TYPES) or MEDIA_TYPES[0]
    return HttpResponse(rendered(media_type), content_type=media_type)


@published
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api_docs.html", {"swagger_ui": SWAGGER_UI})


class Live(Body):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: Annotated[str, Meta(description="The version of this service.")] = __version__

    example: ClassVar[Any] = {"status": "ok", "version": __version__}


class LiveView(ApiView):
    """Whether the process answers at all."""

    api = HEALTH

    @endpoint(responses={200: Live})
    def get(self, request: Request) -> HttpResponse:
        """Tell whether the process answers at all; asks no database."""
        return self.respond(200, Live())


DatabaseState = Literal["ok", "spooling", "unavailable"]


class DatabaseStates(Body):
    """The state of each database."""

    default: DatabaseState
    analytics: DatabaseState


class SpoolBody(Body, rename="camel"):
    """What waits in the journal of this host for a database that is away."""

    rows: Count
    bytes: Count
    oldest_seconds: Annotated[Count | None, Meta(description="Age of the oldest rows.")]

    example: ClassVar[Any] = {"rows": 0, "bytes": 0, "oldestSeconds": None}


class Ready(Body, kw_only=True):
    """Both databases take writes; or `degraded`: new rows of one that is away are spooled."""

    status: Literal["ok", "degraded"] = "ok"
    databases: DatabaseStates
    spool: SpoolBody

    example: ClassVar[Any] = {
        "status": "ok",
        "databases": {"default": "ok", "analytics": "ok"},
        "spool": SpoolBody.example,
    }


class Unready(Body, kw_only=True):
    """At least one database does not answer in time."""

    status: Literal["unavailable"] = "unavailable"
    databases: DatabaseStates
    spool: SpoolBody

    example: ClassVar[Any] = {
        "status": "unavailable",
        "databases": {"default": "ok", "analytics": "unavailable"},
        "spool": SpoolBody.example,
    }


class ReadyView(ApiView):
    """Whether both databases answer in time."""

    api = HEALTH

    @endpoint(responses={200: Ready, 503: Unready})
    def get(self, request: Request) -> HttpResponse:
        """Tell whether both databases take writes within two seconds, and this process too.

        While one is away and its new rows are spooled, its state is `spooling` and this host stays
        in service.
        """
        is_up = health.check_databases(*connections)
        states = {alias: database_state(alias, is_up=is_up[alias]) for alias in connections}
        databases = DatabaseStates(default=states[MAIN], analytics=states[ANALYTICS])
        state = health.spool_state()
        spool = SpoolBody(state.rows, state.bytes, state.oldest_seconds)
        if "unavailable" in states.values():
            return self.respond(503, Unready(databases=databases, spool=spool))
        status: Literal["ok", "degraded"] = "ok" if all(is_up.values()) else "degraded"
        return self.respond(200, Ready(status=status, databases=databases, spool=spool))


def database_state(alias: str, *, is_up: bool) -> DatabaseState:
    """Return the word for a database that takes writes, or does not."""
    if is_up:
        return "ok"
    return "spooling" if health.is_spooling(alias) else "unavailable"


class MetricsView(ApiView):
    """Metrics of all workers in Prometheus' text format, for those who may see them."""

    api = HEALTH

    @endpoint(responses={200: str}, errors=(Forbidden(METRICS_TOKEN_REQUIRED),))
    def get(self, request: Request) -> HttpResponseBase:
        """Show the metrics of all workers in Prometheus' text format.

        They need the METRICS_TOKEN as a bearer token, unless a loopback address asks.
        """
        token = f"Bearer {settings.METRICS_TOKEN}".encode()
        sent = request.headers.get("Authorization", "").encode()
        knows_token = bool(settings.METRICS_TOKEN) and hmac.compare_digest(sent, token)
        if not knows_token and not is_loopback(request._request):
            raise Forbidden(METRICS_TOKEN_REQUIRED)
        return metrics.page(request._request)
