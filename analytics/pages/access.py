"""Who may see a website, and below which path"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from websites.models import Share, User, Website
from websites.page import page

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Website, P], HttpResponse]


def website_page(*, for_owner: bool = False) -> Callable[[View[P]], Any]:
    """Serve a page of a website to its owner, and unless it is for the owner alone, to others.

    These are staff, and whoever has the token of a share, where the path has that and no id.
    """

    def decorate(view: View[P]) -> Any:
        @page
        @login_required
        @wraps(view)
        def for_user(request: HttpRequest, id: UUID, *args: P.args, **kwargs: P.kwargs) -> Any:
            return view(request, _website(request, id, for_owner=for_owner), *args, **kwargs)

        @page
        @wraps(view)
        def for_guest(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> Any:
            response = view(request, _shared_website(token), *args, **kwargs)
            response["Referrer-Policy"] = "no-referrer"  # the path is all that a stranger needs
            response["X-Robots-Tag"] = "noindex"
            return response

        @wraps(view)
        def served(request: HttpRequest, **kwargs: Any) -> Any:
            return (for_guest if "token" in kwargs else for_user)(request, **kwargs)

        return served

    return decorate


def owns(request: HttpRequest, website: Website) -> bool:
    """Return whether somebody may change a website here: not on its shared pages."""
    return request.user.pk == website.user_id and not is_shared(request)


def is_shared(request: HttpRequest) -> bool:
    """Return whether a request is for a page of a share."""
    return request.resolver_match is not None and "token" in request.resolver_match.kwargs


def base_path(request: HttpRequest) -> str:
    """Return the path below which the pages of a website are: that of a share on its own pages."""
    values = request.resolver_match.kwargs if request.resolver_match else {}
    if is_shared(request):
        return reverse("share", args=[values["token"]])
    id = values.get("id")
    return reverse("website", args=[id]) if isinstance(id, UUID) else reverse("home")


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what templates know of a page."""
    return {
        "base_path": base_path(request),
        "is_shared": is_shared(request),
        "has_api_docs": settings.API_DOCS,
    }


def _website(request: HttpRequest, id: UUID, *, for_owner: bool) -> Website:
    """Return a website; raise Http404 for who may not see it, as if there were none."""
    website = Website.objects.filter(id=id).first()
    if website is None or not (owns(request, website) or (not for_owner and _may_look(request))):
        raise Http404
    return website


def _shared_website(token: str) -> Website:
    share = Share.objects.of_token(token)
    if share is None:
        raise Http404
    share.record_use()
    return share.website


def _may_look(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.is_staff and user.has_perm("websites.view_website")
