"""Whether a page of another site made the browser send a request."""

from django.http import HttpRequest


def is_cross_site(request: HttpRequest) -> bool:
    """Tell whether Sec-Fetch-Site or Origin name another site than the service itself.

    The service's origin is the one that the client addressed. A request without either header
    passes: a browser sends one with every POST that a page makes.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.get_host()}"
    return origin is not None and _normal(origin) != _normal(own)


def _normal(origin: str) -> str:
    """Return an origin in lower case, without a port that goes without saying."""
    origin = origin.lower()
    return origin.removesuffix(":443" if origin.startswith("https:") else ":80")
