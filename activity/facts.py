"""What is kept of a request until its row is made."""

from typing import Any, NamedTuple, Self

from django.conf import settings
from django.http import HttpRequest

from config.api.client_address import client_address
from config.api.view import annotations


class RequestFacts(NamedTuple):
    """A request, as its row needs it: few bytes, whatever it carried.

    begun_ms: Unix milliseconds. duration_ms: until its response was made.
    annotations: ids that its view found, by the names of the row.
    """

    begun_ms: int
    duration_ms: int
    status_code: int
    request_id: str
    method: str
    path: str
    address: str
    authorization: str
    session_key: str
    annotations: dict[str, Any]

    @classmethod
    def of(
        cls, request: HttpRequest, *, begun_ms: int, duration_ms: int = 0, status_code: int = 200
    ) -> Self:
        """Return the facts of a request."""
        meta = request.META
        cookie = settings.SESSION_COOKIE_NAME
        return cls(
            begun_ms,
            duration_ms,
            status_code,
            getattr(request, "request_id", "-"),
            str(request.method),
            request.path_info,
            client_address(request),
            meta.get("HTTP_AUTHORIZATION", ""),
            request.COOKIES.get(cookie, "") if "HTTP_COOKIE" in meta else "",
            annotations(request),
        )
