"""Rate limits: django-ratelimit counts in Django's cache, DRF decides when."""

import math

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.api import counters
from config.api.client_address import network_of
from config.api.errors import RateLimited


class FixedWindow(BaseThrottle):
    """Count the requests of one client to one route pattern in a fixed window.

    `setting` names the limit, such as RATE_AUTH with "10/m". All ids and methods of a pattern
    share a counter.
    """

    def __init__(self, setting: str) -> None:
        self.rate: str = getattr(settings, setting)

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Return True, or raise RateLimited with the time until the window ends."""
        count(request._request, self.rate)
        return True


def count(request: HttpRequest, rate: str) -> None:
    """Count a request; raises RateLimited when there were too many in the window."""
    match = request.resolver_match
    assert match is not None  # a view runs after its route was found
    usage = counters.of(request).call(
        lambda: get_usage(
            request,
            group=match.route,
            key=lambda group, request: network_of(request),
            rate=rate,
            increment=True,
        ),
        otherwise=None,
    )
    if usage and usage["should_limit"]:
        raise RateLimited(max(1, math.ceil(usage["time_left"])))
