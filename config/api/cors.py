"""CORS: which pages of other origins may call which routes; detection of cross-site requests.

Public routes are open to every page. Of the other routes below /api/, those that live by a cookie
are closed to all of them, and the rest is open to CORS_ALLOWED_ORIGINS. Credentials are never
allowed.
"""

import re
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import resolve
from django.utils.cache import patch_vary_headers

from config.api.registry import APIS

ANY = "*"
METHODS = "DELETE, GET, OPTIONS, PATCH, POST, PUT"
EXPOSED_HEADERS = "X-Request-Id, X-Event-Outcome, Retry-After"
DEFAULT_HEADERS = "accept, content-type"  # allowed where a preflight asks for none
MAX_HEADERS_LENGTH = 4096
MAX_AGE_SECONDS = 86_400

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a name of a header, by RFC 9110
_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)


def _matcher(routes: Iterable[str]) -> re.Pattern[str]:
    paths = "|".join(re.sub("<[^>]+>", "[^/]+", route) for route in routes)
    return re.compile(rf"/(?:{paths})\Z")


_is_public = _matcher(route for api in APIS for route in api.public).match
_is_same_origin = _matcher(route for api in APIS for route in api.same_origin).match


def is_public(path: str) -> bool:
    """Return whether pages of every origin may call a path, without credentials."""
    return _is_public(path) is not None


def lives_by_cookie(path: str) -> bool:
    """Return whether a path lives by the cookie of a login session."""
    return _is_same_origin(path) is not None


def is_listable(path: str) -> bool:
    """Return whether pages of CORS_ALLOWED_ORIGINS may call a path."""
    return path.startswith("/api/") and not is_public(path) and not lives_by_cookie(path)


def parse_origins(texts: Iterable[str]) -> frozenset[str]:
    """Return origins as browsers write them; raise ValueError for a text that is none."""
    origins = frozenset(_normalised(text.strip()) for text in texts)
    for origin in origins - {ANY}:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"'{origin}' is not an origin")
    return origins


def is_preflight(request: HttpRequest) -> bool:
    return request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META


def allowed_origin(request: HttpRequest) -> str | None:
    """Return what Access-Control-Allow-Origin is to say, None for a response without it."""
    origin = request.META.get("HTTP_ORIGIN")
    if is_public(request.path_info):
        return None if origin is None and not is_preflight(request) else ANY
    is_open = origin and is_listable(request.path_info) and _is_listed(_normalised(origin))
    return origin if is_open else None


def preflight_response(request: HttpRequest) -> HttpResponse | None:
    """Return the response to the preflight of a route, None for all other requests."""
    if not is_preflight(request) or not _is_route(request.path_info):
        return None
    return HttpResponse(
        content_type="application/json",
        headers={
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": _requested_headers(request) or DEFAULT_HEADERS,
            "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
        },
    )


def add_headers(request: HttpRequest, response: HttpResponseBase, origin: str | None) -> None:
    """Let the pages of an origin read a response, if there is one."""
    path = request.path_info
    if is_public(path) or (settings.CORS_ALLOWED_ORIGINS and is_listable(path)):
        patch_vary_headers(response, ("Origin",))
    if origin:
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Expose-Headers"] = EXPOSED_HEADERS


def is_cross_site(request: HttpRequest) -> bool:
    """Return whether Sec-Fetch-Site or Origin name another site than the one that is addressed.

    A request without either header comes from no page: browsers send one with every POST.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.get_host()}"
    return origin is not None and _normalised(origin) != _normalised(own)


def _is_route(path: str) -> bool:
    return is_public(path) or resolve(path).url_name != "unknown"


def _is_listed(origin: str) -> bool:
    """Return whether CORS_ALLOWED_ORIGINS has an origin; `*` there is every one, null too."""
    listed: frozenset[str] = settings.CORS_ALLOWED_ORIGINS
    is_origin = origin == "null" or _ORIGIN.fullmatch(origin) is not None
    return origin in listed or (ANY in listed and is_origin)


def _requested_headers(request: HttpRequest) -> str:
    """Return the names that a preflight asks for, as many as fit."""
    return ", ".join(_fitting(request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")))


def _fitting(text: str) -> Iterator[str]:
    length = 0
    for name in map(str.strip, text.split(",")):
        if _TOKEN.fullmatch(name):
            length += len(name) + len(", ")
            if length > MAX_HEADERS_LENGTH:
                return
            yield name


def _normalised(origin: str) -> str:
    """Return an origin in lower case, without the default port of its scheme."""
    origin = origin.lower()
    return origin.removesuffix(":443" if origin.startswith("https:") else ":80")
