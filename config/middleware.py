"""Headers of every response, deadlines of requests, allowed origins, hosts and networks."""

import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import DisallowedHost, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from uuid_utils import uuid4

from config.api import cors
from config.api.client_address import drop_untrusted_forwarding, forwarded_address, is_loopback
from config.db import deadline
from config.server import logs, metrics
from config.views import bad_request, https_required, not_found, request_timeout

PAGE_SECONDS = 10.0
ADMIN_SECONDS = 30.0  # its lists may be long
BODILESS = (204, 304)  # HTTP forbids a Content-Length in them
NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",  # unfold's pages run on Alpine, which makes functions,
        "style-src 'self' 'unsafe-inline'",  # and style themselves inline
        "img-src 'self' data:",
        *("font-src 'self'", "connect-src 'self'", "form-action 'self'"),
        *("base-uri 'none'", "frame-ancestors 'none'"),
    )
)
PAGE_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def request_id(get_response: GetResponse) -> GetResponse:
    """Give each request an id of the server's own; keep responses of the APIs out of caches."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        new_id = str(uuid4())
        request.request_id = new_id  # type: ignore[attr-defined]
        logs.request_id.set(new_id)  # until this thread's next request: Django logs after us
        response = get_response(request)
        response["X-Request-Id"] = new_id
        if request.path_info.startswith("/api/"):
            response["Cache-Control"] = "no-store"
        if isinstance(response, HttpResponse) and response.status_code not in BODILESS:
            # Without it the client waits for what the server does after the response.
            response.setdefault("Content-Length", str(len(response.content)))
        return response

    return middleware


def decoded_headers(get_response: GetResponse) -> GetResponse:
    """Read the values of headers as UTF-8, or else as Latin-1, as which WSGI gives all of them.

    Cookies, path and query are decoded by Django.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        for name, value in request.META.items():
            is_header = name.startswith("HTTP_") and name != "HTTP_COOKIE"
            if is_header and not value.isascii():
                with suppress(UnicodeError):
                    request.META[name] = value.encode("latin-1").decode()
        return get_response(request)

    return middleware


def trusted_forwarding(get_response: GetResponse) -> GetResponse:
    """Drop forwarded schemes and hosts that no trusted proxy sent."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        drop_untrusted_forwarding(request)
        return get_response(request)

    return middleware


def request_metrics(get_response: GetResponse) -> GetResponse:
    """Measure how long each request takes."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = get_response(request)
        metrics.observe(request, response.status_code, time.perf_counter() - started)
        return response

    return middleware


def content_policy(get_response: GetResponse) -> GetResponse:
    """Send the policies of a page with HTML, and one that allows nothing with all else.

    A policy that the view has set stays.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        policy = PAGE_POLICY if is_page else NO_CONTENT_POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        if is_page:
            response.headers.setdefault("Permissions-Policy", PAGE_PERMISSIONS)
        return response

    return middleware


def request_deadline(get_response: GetResponse) -> GetResponse:
    """Limit how long each request may wait for databases in all."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        path, seconds = request.path_info, PAGE_SECONDS
        if path.startswith("/api/"):
            seconds = settings.WRITE_TIMEOUT_SECONDS
        elif path.startswith("/admin/"):
            seconds = ADMIN_SECONDS
        with deadline.within(seconds):
            return get_response(request)

    return middleware


def complete_request(get_response: GetResponse) -> GetResponse:
    """Respond 408 when the body did not come whole in time, whatever a page made of that."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        has_timed_out = getattr(request.META["wsgi.input"], "has_timed_out", False)
        if has_timed_out and response.status_code != HTTPStatus.REQUEST_TIMEOUT:
            return request_timeout(request)
        return response

    return middleware


def allowed_origins(get_response: GetResponse) -> GetResponse:
    """Respond to preflights, and let pages of other origins read what they may (CORS)."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        origin = cors.allowed_origin(request)
        preflight = cors.preflight_response(request) if origin else None
        response = preflight or get_response(request)
        cors.add_headers(request, response, origin)
        return response

    return middleware


def allowed_host(get_response: GetResponse) -> GetResponse:
    """Refuse a Host that is not in ALLOWED_HOSTS, in the dialect of the path."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        try:
            request.get_host()
        except DisallowedHost:
            return bad_request(request)
        return get_response(request)

    return middleware


def admin_allowlist(get_response: GetResponse) -> GetResponse:
    """Respond 404 to requests for the admin from outside of ADMIN_ALLOWED_IPS."""
    if not settings.ADMIN_ALLOWED_IPS:
        raise MiddlewareNotUsed

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if f"{request.path_info}/".startswith("/admin/") and not _is_allowed(request):
            return not_found(request)
        return get_response(request)

    return middleware


def encrypted_requests(get_response: GetResponse) -> GetResponse:
    """Refuse what came in clear while REQUIRE_HTTPS is on, but for health checks and loopback."""
    if not settings.REQUIRE_HTTPS:
        raise MiddlewareNotUsed

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_health = request.path_info.startswith("/health/")
        if is_health or request.is_secure() or is_loopback(request):
            return get_response(request)
        return https_required(request)

    return middleware


def _is_allowed(request: HttpRequest) -> bool:
    address = forwarded_address(request)
    return address is not None and any(address in network for network in settings.ADMIN_ALLOWED_IPS)
