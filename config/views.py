"""Answers that belong to no API: unknown paths, health and metrics, the description of all APIs."""

import hmac
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework.fields import CharField
from rest_framework.request import Request

from analytics.funnel import dialect
from config.api.answers import (
    Live,
    Ready,
    Unready,
)
from config.api.client_address import is_loopback
from config.api.dialects import flat
from config.api.dialects.base import json_response
from config.api.errors import (
    ApiError,
    BadRequest,
    Forbidden,
    MethodNotAllowed,
    NotFound,
)
from config.api.openapi.document import (
    FORMATS,
    MEDIA_TYPES,
    written,
)
from config.api.view import (
    DialectView,
    endpoint,
    refuse,
)
from config.server import (
    health,
    metrics,
)

Page = Callable[[HttpRequest], HttpResponse]
METRICS_TOKEN_REQUIRED = "Metrics token required"
SWAGGER_UI = {
    "dom_id": "#swagger-ui",
    "url": "/api/schema/?format=json",
    "validatorUrl": None,  # the default would tell somebody else's server of this one
    "deepLinking": True,
    "displayRequestDuration": True,
    "defaultModelsExpandDepth": 0,
}


PAGES = ("/admin/", "/accounts/")  # for people


class _TrackPath(DialectView):
    dialect = dialect.DIALECT


class _OtherPath(DialectView):
    dialect = flat.DIALECT


def view_of(path: str) -> type[DialectView]:
    """Return the API view of a path, or a view that speaks the dialect of such paths."""
    try:
        view = getattr(resolve(path).func, "cls", None)
    except Resolver404:  # the target of a request may be no path at all, but *
        return _OtherPath
    if isinstance(view, type) and issubclass(view, DialectView):
        return view
    return _TrackPath if path.startswith("/api/v1/analytics/") else _OtherPath


@csrf_exempt
def unknown_path(request: HttpRequest) -> HttpResponse:
    """Answer a path that nothing else serves, whatever the method."""
    return refuse(request, NotFound(), view=view_of(request.path_info))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a page that is not there, or a target that is no path."""
    if request.path_info.startswith(PAGES):
        return defaults.page_not_found(request, exception)
    return unknown_path(request)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that Django refuses before it finds the route."""
    return refuse(request, BadRequest(), view=view_of(request.path_info))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a request that crashed outside of an API view; Django has logged why."""
    if request.path_info.startswith(PAGES):
        return defaults.server_error(request)  # a page, for people
    return refuse(request, ApiError(), view=view_of(request.path_info))


def published(show: Page) -> Page:
    """Show a page while the operator publishes it, to whoever only wants to read."""

    @csrf_exempt
    @wraps(show)
    def view(request: HttpRequest) -> HttpResponse:
        if not settings.API_DOCS:
            return unknown_path(request)
        if request.method not in ("GET", "HEAD"):
            return refuse(request, MethodNotAllowed(["GET", "HEAD"]), view=_OtherPath)
        return show(request)

    return view


@published
def schema(request: HttpRequest) -> HttpResponse:
    """Show the description of the APIs as `format`, or else Accept, asks for it."""
    asked = FORMATS.get(request.GET.get("format", ""))
    media_type = asked or request.get_preferred_type(MEDIA_TYPES) or MEDIA_TYPES[0]
    return HttpResponse(written(media_type), content_type=media_type)


@published
def docs(request: HttpRequest) -> HttpResponse:
    """Show the page on which people read the description, and try the APIs."""
    return render(request, "api_docs.html", {"swagger_ui": SWAGGER_UI})


class LiveView(_OtherPath):
    """Whether the process answers at all."""

    @endpoint(answers={200: Live})
    def get(self, request: Request) -> HttpResponse:
        """Tell whether the process answers at all; asks no database."""
        return json_response(200, {"status": "ok"})


class ReadyView(_OtherPath):
    """Whether both databases answer in time."""

    @endpoint(answers={200: Ready, 503: Unready})
    def get(self, request: Request) -> HttpResponse:
        """Tell whether both databases answer within two seconds."""
        told = health.answering(*connections)
        states = {alias: "ok" if answers else "unavailable" for alias, answers in told.items()}
        is_ready = all(told.values())
        status = "ok" if is_ready else "unavailable"
        return json_response(200 if is_ready else 503, {"status": status, "databases": states})


class MetricsView(_OtherPath):
    """Metrics of all workers in Prometheus' text format, for those who may see them."""

    @endpoint(answers={200: CharField}, refuses=(Forbidden(METRICS_TOKEN_REQUIRED),))
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
