"""What all pages of our own have: a policy, no place in caches, and words for an outage"""

from functools import wraps
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from config.api.errors import StorageUnavailable

# No script and no style in the page itself, whatever texts of visitors are in it.
POLICY = "; ".join(
    (
        "default-src 'none'",
        *("script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"),
        *("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
    )
)
AWAY = "The numbers do not come in time; try again soon."
DATABASE_FAILURES = (OperationalError, InterfaceError, StorageUnavailable)


def page(view: Any) -> Any:
    """Serve a page of our own: under our policy, kept by no cache, and with words for an outage."""

    @wraps(view)
    def served(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = view(request, *args, **kwargs)
            if hasattr(response, "render"):
                response = response.render()  # here, where its failure is caught
        except DATABASE_FAILURES:
            response = _away(request)
        response["Content-Security-Policy"] = POLICY
        response["Cache-Control"] = "private, no-store"
        return response

    return served


def _away(request: HttpRequest) -> HttpResponse:
    context = {"problem": AWAY}
    try:
        return render(request, "pages/away.html", context, status=503)
    except DATABASE_FAILURES:  # nor can the user of the request be read
        return HttpResponse(render_to_string("pages/away.html", context), status=503)
