"""What all pages share: a policy, who may see a website, and what to say without a database."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from config.api.errors import StorageUnavailable
from websites.models import User, Website

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Website, P], HttpResponse]
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
        except DATABASE_FAILURES:
            response = render(request, "pages/away.html", {"problem": AWAY}, status=503)
        response["Content-Security-Policy"] = POLICY
        response["Cache-Control"] = "private, no-store"
        return response

    return served


def website_page(*, for_owner: bool = False) -> Callable[[View[P]], Any]:
    """Serve a page of a website to its owner, and unless it is for the owner alone, to staff."""

    def decorate(view: View[P]) -> Any:
        @login_required
        @page
        @wraps(view)
        def served(request: HttpRequest, id: UUID, *args: P.args, **kwargs: P.kwargs) -> Any:
            return view(request, _website(request, id, for_owner=for_owner), *args, **kwargs)

        return served

    return decorate


def owns(request: HttpRequest, website: Website) -> bool:
    return request.user.pk == website.user_id


def _website(request: HttpRequest, id: UUID, *, for_owner: bool) -> Website:
    """Return a website; raise Http404 for who may not see it, as if there were none."""
    website = Website.objects.filter(id=id).first()
    if website is None or not (owns(request, website) or (not for_owner and _may_look(request))):
        raise Http404
    return website


def _may_look(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.is_staff and user.has_perm("websites.view_website")
