"""What every answer of the service carries, and the hosts that it answers to."""

import time
from collections.abc import Callable
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import DisallowedHost, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from config.api.client_address import (
    drop_claims_of_strangers,
    forwarded_address,
)
from config.db import deadline
from config.server import (
    logs,
    metrics,
)
from config.views import bad_request, unknown_path

PAGE_SECONDS = 30.0
BODILESS = (204, 304)  # HTTP forbids to tell the length of the body that they do not have
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
    """Name each request by a UUID of the server's own; keep answers of the APIs out of caches."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        name = str(uuid4())
        request.request_id = name  # type: ignore[attr-defined]
        logs.request_id.set(name)  # until this thread's next request: Django logs after us
        response = get_response(request)
        response["X-Request-Id"] = name
        if request.path_info.startswith("/api/"):
            response["Cache-Control"] = "no-store"
        if request.method == "OPTIONS":  # of a preflight corsheaders says that it is a page
            response["Content-Type"] = "application/json"
        if isinstance(response, HttpResponse) and response.status_code not in BODILESS:
            # Without it the client must wait for what happens after the answer.
            response.setdefault("Content-Length", str(len(response.content)))
        return response

    return middleware


def trusted_forwarding(get_response: GetResponse) -> GetResponse:
    """Let only trusted proxies say by which scheme and host a client addressed the service."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        drop_claims_of_strangers(request)
        return get_response(request)

    return middleware


def request_metrics(get_response: GetResponse) -> GetResponse:
    """Tell the metrics how long each request took."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        begun = time.perf_counter()
        response = get_response(request)
        metrics.observe(request, response.status_code, time.perf_counter() - begun)
        return response

    return middleware


def content_policy(get_response: GetResponse) -> GetResponse:
    """Tell browsers what a page may load, and that no other answer is a page.

    A view may have set a policy of its own.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        is_page = is_page and request.method != "OPTIONS"
        policy = PAGE_POLICY if is_page else NO_CONTENT_POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        if is_page:
            response.headers.setdefault("Permissions-Policy", PAGE_PERMISSIONS)
        return response

    return middleware


def request_deadline(get_response: GetResponse) -> GetResponse:
    """Let no request wait for databases beyond its limit, whatever has become of them."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_api = request.path_info.startswith("/api/")
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS if is_api else PAGE_SECONDS):
            return get_response(request)

    return middleware


def allowed_host(get_response: GetResponse) -> GetResponse:
    """Refuse a Host that is not served in the dialect of the path, before anything reads it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        try:
            request.get_host()
        except DisallowedHost:
            return bad_request(request)
        return get_response(request)

    return middleware


def admin_allowlist(get_response: GetResponse) -> GetResponse:
    """Show the admin to the networks in ADMIN_ALLOWED_IPS; to others its paths are unknown."""
    if not settings.ADMIN_ALLOWED_IPS:
        raise MiddlewareNotUsed

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/admin/") and not _is_allowed(request):
            return unknown_path(request)
        return get_response(request)

    return middleware


def _is_allowed(request: HttpRequest) -> bool:
    address = forwarded_address(request)
    return address is not None and any(address in network for network in settings.ADMIN_ALLOWED_IPS)
