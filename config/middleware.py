"""What every answer of the service carries, and the hosts that it answers to."""

import time
from collections.abc import Callable
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from config import logs, metrics, patience
from config.client import drop_claims_of_strangers
from config.views import bad_request

PAGE_SECONDS = 30.0
BODILESS = (204, 304)  # HTTP forbids to tell the length of the body that they do not have
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def stamp(get_response: GetResponse) -> GetResponse:
    """Name each request by a UUID of the server's own; keep answers of the APIs out of caches."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        name = str(uuid4())
        request.request_id = name  # type: ignore[attr-defined]
        logs.request_id.set(name)  # until this thread's next request: Django logs after us
        response = get_response(request)
        response["X-Request-Id"] = name
        if request.path_info.startswith("/api/"):
            response["Cache-Control"] = "no-store"
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


def timed(get_response: GetResponse) -> GetResponse:
    """Tell the metrics how long each request took."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        begun = time.perf_counter()
        response = get_response(request)
        metrics.observe(request, response.status_code, time.perf_counter() - begun)
        return response

    return middleware


def limited_patience(get_response: GetResponse) -> GetResponse:
    """Let no request wait for databases beyond its limit, whatever has become of them."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_api = request.path_info.startswith("/api/")
        with patience.at_most(settings.WRITE_TIMEOUT_SECONDS if is_api else PAGE_SECONDS):
            return get_response(request)

    return middleware


def served_host(get_response: GetResponse) -> GetResponse:
    """Refuse a Host that is not served in the dialect of the path, before anything reads it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        try:
            request.get_host()
        except DisallowedHost:
            return bad_request(request)
        return get_response(request)

    return middleware
