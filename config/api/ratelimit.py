"""Rate limits in fixed windows, counted in Django's cache.

A RateLimit counts requests: those of an address by django-ratelimit, those of a name and of the
address behind it in one step of the cache. A Quota counts what requests cost, a DailyQuota events.
While the cache is down nothing is counted and requests pass: limits protect the service and must
not stop it.
"""

import functools
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.api.client_address import network_of
from config.api.errors import RateLimited
from config.api.fail_open import FailOpenCache
from config.api.ratelimit_cache import Counter

CEILING = 20  # clients behind one address that may use a limit up at the same time
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MAX_RETRY_SECONDS = 3600  # of a quota, which the operator may raise before the day ends
counter_cache: Any = cache  # one of ratelimit_cache.py, whose `consume` Django's types do not know


class Window(NamedTuple):
    """The present one of all windows of a length, which follow each other since 1970."""

    ends_at: int  # Unix time
    seconds_left: int  # rounded up, at least 1

    @classmethod
    def of(cls, seconds: int) -> Self:
        now = time.time()
        ends_at = (int(now) // seconds + 1) * seconds
        return cls(ends_at, max(1, math.ceil(ends_at - now)))


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Limit on the requests to a path, for an endpoint to declare.

    setting: names the limit, such as RATE_TRACK with "60/m".
    shared: what several paths are together that count as one; else each counts for itself.
    per: what has the limit, if not the address of the client. The address then has a ceiling of
        twenty times the limit: an office behind one address is not one client, and changing names
        evades nothing.
    name_of: tells that name by the head of a request. Where the body has it, the handler gives it
        to `count_name`, once the fields are checked; both are counted then, in one step of the
        cache. Of a request that fails before that, `count_failed` counts the address.
    has_ceiling: whether the address has one; who is authenticated cannot change names.
    """

    setting: str
    shared: str | None = None
    per: str | None = None
    name_of: Callable[[HttpRequest], str] | None = None
    has_ceiling: bool = True

    @property
    def about(self) -> str:
        """One sentence for the OpenAPI document."""
        rate = f"`{getattr(settings, self.setting)}`"
        if self.per:
            rate += f" for each {self.per}"
        if self.per and self.has_ceiling:
            rate += f", and {CEILING} times as much for each client address"
        if self.shared:
            rate += f" for {self.shared} together"
        return f"Limit: {rate} (`{self.setting}`)."

    def count(self, request: HttpRequest) -> None:
        """Count a request by its head; raise RateLimited over the limit."""
        if self.per is None:
            self._count_address(request)
            return
        if self.name_of is None:
            vars(request)["uncounted_limit"] = self
            return
        self.count_name(request, self.name_of(request))

    def count_name(self, request: HttpRequest, name: str) -> None:
        """Count a request by a name and its address; raise RateLimited over the limit."""
        vars(request).pop("uncounted_limit", None)
        self._consume(request, *self._ceiling(request), (f"name {name}", 1))

    def count_ceiling(self, request: HttpRequest) -> None:
        """Count a request whose name is not known; raise RateLimited over the ceiling."""
        self._consume(request, *self._ceiling(request))

    def _ceiling(self, request: HttpRequest) -> list[tuple[str, int]]:
        """Return what an address may use, which comes first.

        What it may not send makes no further counters, which could push others out of the cache.
        All windows end together, so the first to refuse knows when.
        """
        return [(f"address {network_of(request)}", CEILING)] if self.has_ceiling else []

    def _count_address(self, request: HttpRequest) -> None:
        usage = FailOpenCache.of(request).call(
            lambda: get_usage(
                request,
                group=self.shared or route_of(request),
                key=lambda group, request: network_of(request),
                rate=getattr(settings, self.setting),
                increment=True,
            ),
            otherwise=None,
        )
        if usage and usage["should_limit"]:
            raise RateLimited(max(1, math.ceil(usage["time_left"])))

    def _consume(self, request: HttpRequest, *counted: tuple[str, int]) -> None:
        """Count a request for each of these, whose limit is so many times that of the setting."""
        limit, seconds = parse_rate(getattr(settings, self.setting))
        window, path = Window.of(seconds), self.shared or route_of(request)
        counters = [Counter(_key(path, who, window), limit * times) for who, times in counted]
        fits, _ = FailOpenCache.of(request).call(
            lambda: counter_cache.consume(counters, 1, timeout_seconds=window.seconds_left),
            otherwise=(True, 0),
        )
        if not fits:
            raise RateLimited(window.seconds_left)


def count_failed(request: HttpRequest) -> None:
    """Count a request whose body gave no name; raise RateLimited, which precedes other errors."""
    limit: RateLimit | None = vars(request).pop("uncounted_limit", None)
    if limit:
        limit.count_ceiling(request)


class FixedWindow(BaseThrottle):
    """A RateLimit where DRF asks for one, after authentication and before the handler."""

    def __init__(self, limit: "RateLimit | DailyQuota") -> None:
        self._limit = limit

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Return True, or raise RateLimited with the time until the window ends."""
        self._limit.count(request._request)
        return True


class Quota:
    """Limit on what the requests of one caller may cost in the current window.

    `setting` names the limit, such as RATE_COLLECT with "100/m". A cost that does not fit is not
    taken. The cache adds and compares in one atomic step, so concurrent requests never exceed the
    limit together.
    """

    def __init__(
        self, setting: str, caller: object, *, fail_open: FailOpenCache | None = None
    ) -> None:
        self.limit, seconds = parse_rate(getattr(settings, setting))
        self.ends_at, self._seconds_left = Window.of(seconds)
        self.consumed = 0  # through this object
        self._key = f"budget:{setting}:{caller}:{self.ends_at}"
        self._cache = fail_open or FailOpenCache()
        self._used: int = self._cache.call(lambda: counter_cache.get(self._key, 0), otherwise=0)

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self._used)

    def require_remaining(self) -> None:
        if not self.remaining:
            raise RateLimited(self._seconds_left)

    def consume(self, cost: int) -> None:
        """Take a cost; raise RateLimited, and take nothing, when it does not fit."""
        fits, self._used = self._cache.call(
            lambda: counter_cache.consume(
                [Counter(self._key, self.limit)], cost, timeout_seconds=self._seconds_left
            ),
            otherwise=(True, self._used),
        )
        if not fits:
            raise RateLimited(self._seconds_left)
        self.consumed += cost

    def reset(self) -> None:
        """Give back all that was taken in this window."""
        self._cache.call(lambda: counter_cache.delete(self._key), otherwise=False)


@dataclass(frozen=True, slots=True)
class DailyQuota:
    """Limit on events in a UTC day, of each client address or of each name.

    `setting` names it, such as QUOTA_ACTIVITY_EVENTS; while that is 0 nothing is counted.
    """

    setting: str

    @property
    def is_on(self) -> bool:
        return bool(getattr(settings, self.setting))

    @property
    def about(self) -> str:
        """One sentence for the OpenAPI document."""
        return f"Limit: events of a client address in a UTC day, if `{self.setting}` sets it."

    def count(self, request: HttpRequest) -> None:
        """Count one event of the client; raise RateLimited over the limit."""
        if self.is_on:
            self.consume(request, network_of(request), 1)

    def consume(self, request: HttpRequest, name: object, events: int) -> None:
        """Count events of a name; raise RateLimited, and count none, when they do not fit."""
        limit, window = getattr(settings, self.setting), Window.of(SECONDS["d"])
        counter = Counter(_key(self.setting, str(name), window), limit)
        fits, _ = FailOpenCache.of(request).call(
            lambda: counter_cache.consume([counter], events, timeout_seconds=window.seconds_left),
            otherwise=(True, 0),
        )
        if not fits:
            raise RateLimited(min(window.seconds_left, MAX_RETRY_SECONDS))


@functools.cache
def parse_rate(rate: str) -> tuple[int, int]:
    """Return the limit and the window in seconds of a rate such as 100/m or 5/30s."""
    limit, _, period = rate.partition("/")
    return int(limit), int(period[:-1] or 1) * SECONDS[period[-1]]


def id_in_path(request: HttpRequest) -> str:
    """Return the `:id` of a path, alike in upper and lower case."""
    assert request.resolver_match
    return str(request.resolver_match.kwargs["id"]).lower()


def route_of(request: HttpRequest) -> str:
    """Return the pattern of a path, the same for all ids in it."""
    assert request.resolver_match  # a view runs after its route was found
    return request.resolver_match.route


def address_and_user_agent(request: HttpRequest) -> str:
    return f"{network_of(request)} {request.headers.get('User-Agent', '')}"


def _key(path: str, who: str, window: Window) -> str:
    """Return the key of a counter: short, however long the name is, and without the address."""
    text = f"{path} {window.ends_at} {who}".encode(errors="surrogatepass")
    return f"rate:{hashlib.blake2b(text, digest_size=16).hexdigest()}"
