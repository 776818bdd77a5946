"""Rate limits in fixed windows, counted in Django's cache.

FixedWindow counts requests, by django-ratelimit; a Quota counts what requests cost. While the
cache is down nothing is counted and requests pass: limits protect the service and must not stop it.
"""

import logging
import math
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.api.client_address import network_of
from config.api.errors import RateLimited

logger = logging.getLogger(__name__)
Value = TypeVar("Value")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
counter_cache: Any = cache  # one of ratelimit_cache.py, whose `consume` Django's types do not know


class FailOpenCache:
    """Calls of the cache until one fails, so that a request waits for a silent cache only once."""

    def __init__(self) -> None:
        self._is_available = True

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        """Return the one that all limits of a request share."""
        shared: Self = vars(request).setdefault("fail_open_cache", cls())
        return shared

    def call(self, function: Callable[[], Value], *, otherwise: Value) -> Value:
        """Return the result of a function, or a fallback while the cache is down."""
        if self._is_available:
            try:
                return function()
            except Exception as error:  # each client of a cache has its own
                logger.warning("The cache is down, limits are not counted: %r", error)
                self._is_available = False
        return otherwise


class FixedWindow(BaseThrottle):
    """Limit on the requests of one client to one route pattern.

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
    """Count a request of a client; raise RateLimited after too many in the window."""
    match = request.resolver_match
    assert match is not None  # a view runs after its route was found
    usage = FailOpenCache.of(request).call(
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


class Quota:
    """Limit on what the requests of one caller may cost in the current window.

    `setting` names the limit, such as RATE_COLLECT with "100/m". django-ratelimit counts each
    request as one and counts those that it refuses too; here a cost that does not fit is not
    taken. The cache adds and compares in one atomic step, so concurrent requests never exceed the
    limit together.
    """

    def __init__(
        self, setting: str, caller: object, *, fail_open: FailOpenCache | None = None
    ) -> None:
        self.limit, self._window_seconds = parse_rate(getattr(settings, setting))
        self._now = time.time()
        window = int(self._now) // self._window_seconds
        self.ends_at = (window + 1) * self._window_seconds  # Unix time
        self.consumed = 0  # through this object
        self._key = f"budget:{setting}:{caller}:{self.ends_at}"
        self._cache = fail_open or FailOpenCache()
        self._used: int = self._cache.call(lambda: counter_cache.get(self._key, 0), otherwise=0)

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self._used)

    def require_remaining(self) -> None:
        if not self.remaining:
            raise self._rate_limited()

    def consume(self, cost: int) -> None:
        """Take a cost; raise RateLimited, and take nothing, when it does not fit."""
        fits, self._used = self._cache.call(
            lambda: counter_cache.consume(
                self._key, cost, limit=self.limit, timeout_seconds=self._window_seconds
            ),
            otherwise=(True, self._used),
        )
        if not fits:
            raise self._rate_limited()
        self.consumed += cost

    def reset(self) -> None:
        """Give back all that was taken in this window."""
        self._cache.call(lambda: counter_cache.delete(self._key), otherwise=False)

    def _rate_limited(self) -> RateLimited:
        return RateLimited(max(1, math.ceil(self.ends_at - self._now)))


def parse_rate(rate: str) -> tuple[int, int]:
    """Return the limit and the window in seconds of a rate such as 100/m or 5/30s."""
    limit, _, period = rate.partition("/")
    return int(limit), int(period[:-1] or 1) * SECONDS[period[-1]]
