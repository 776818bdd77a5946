"""Answers that belong to no API: unknown paths, refused hosts, health and metrics."""

import hmac

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import resolve
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request

from config import health, metrics
from config.client import is_loopback
from config.dialects import events, track
from config.dialects.base import json_response
from config.endpoints import DialectView, endpoint, refuse
from config.errors import ApiError, BadRequest, Forbidden, NotFound


class _TrackPath(DialectView):
    dialect = track.DIALECT


class _OtherPath(DialectView):
    dialect = events.DIALECT


def view_of(path: str) -> type[DialectView]:
    """Return the API view of a path, or a view that speaks the dialect of such paths."""
    view = getattr(resolve(path).func, "cls", None)
    if isinstance(view, type) and issubclass(view, DialectView):
        return view
    return _TrackPath if path.startswith("/api/v1/analytics/") else _OtherPath


@csrf_exempt
def unknown_path(request: HttpRequest) -> HttpResponse:
    """Answer a path that nothing else serves, whatever the method."""
    return refuse(request, NotFound(), view=view_of(request.path_info))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that Django refuses before it finds the route."""
    return refuse(request, BadRequest(), view=view_of(request.path_info))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a request that crashed outside of an API view; Django has logged why."""
    if request.path_info.startswith(("/admin/", "/accounts/")):
        return defaults.server_error(request)  # a page, for people
    return refuse(request, ApiError(), view=view_of(request.path_info))


class LiveView(_OtherPath):
    """Whether the process answers at all."""

    @endpoint()
    def get(self, request: Request) -> HttpResponse:
        return json_response(200, {"status": "ok"})


class ReadyView(_OtherPath):
    """Whether both databases answer in time."""

    @endpoint()
    def get(self, request: Request) -> HttpResponse:
        told = health.answering(*connections)
        states = {alias: "ok" if answers else "unavailable" for alias, answers in told.items()}
        is_ready = all(told.values())
        status = "ok" if is_ready else "unavailable"
        return json_response(200 if is_ready else 503, {"status": status, "databases": states})


class MetricsView(_OtherPath):
    """Metrics of all workers in Prometheus' text format, for those who may see them."""

    @endpoint()
    def get(self, request: Request) -> HttpResponseBase:
        token = f"Bearer {settings.METRICS_TOKEN}".encode()
        sent = request.headers.get("Authorization", "").encode()
        knows_token = bool(settings.METRICS_TOKEN) and hmac.compare_digest(sent, token)
        if not knows_token and not is_loopback(request._request):
            raise Forbidden("Metrics token required")
        return metrics.page(request._request)
