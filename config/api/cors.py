"""Paths that pages of every origin may call, and the detection of cross-site requests."""

import re

from django.http import HttpRequest

from config.api.registry import APIS

PUBLIC_PATHS = r"^/(?:{})\Z".format(
    "|".join(re.sub("<[^>]+>", "[^/]+", route) for api in APIS for route in api.public)
)
_is_public = re.compile(PUBLIC_PATHS).match


def is_public(path: str) -> bool:
    """Return whether pages of every origin may call a path, without credentials."""
    return _is_public(path) is not None


def is_cross_site(request: HttpRequest) -> bool:
    """Return whether Sec-Fetch-Site or Origin name another site than the one that is addressed.

    A request without either header comes from no page: browsers send one with every POST.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.get_host()}"
    return origin is not None and _normalised(origin) != _normalised(own)


def _normalised(origin: str) -> str:
    """Return an origin in lower case, without the default port of its scheme."""
    origin = origin.lower()
    return origin.removesuffix(":443" if origin.startswith("https:") else ":80")
