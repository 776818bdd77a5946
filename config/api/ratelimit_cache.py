"""Django's caches, extended by what rate limits need: counters that stop at their limits.

Reads are counted under the names of django-prometheus, whose own backend for Redis needs another
client. What requests count is no read, so that only quotas of collect and of logins have any.
"""

import functools
import threading
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from django.core.cache.backends import locmem, redis
from django.core.cache.backends.base import BaseCache
from django_prometheus.cache import metrics

# Redis runs a script as one step: no command of another client comes between.
_CONSUME = """
local cost, seconds, used = tonumber(ARGV[1]), ARGV[2], 0
for i, key in ipairs(KEYS) do
    used = tonumber(redis.call('GET', key) or '0')
    if used + cost > tonumber(ARGV[i + 2]) then return {0, used} end
    used = redis.call('INCRBY', key, cost)
    redis.call('EXPIRE', key, seconds)
end
return {1, used}
"""


class Counter(NamedTuple):
    """A counter by its key in the cache, and what it may not exceed."""

    key: str
    limit: int


class CountedReads(BaseCache):
    """Counts reads, hits, misses and failures."""

    label: ClassVar[str]

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return a value, counted as a hit, or else the default."""
        metrics.django_cache_get_total.labels(self.label).inc()
        try:
            value = super().get(key, None, version)
        except Exception:  # each client of a cache has its own
            metrics.django_cache_get_fail_total.labels(self.label).inc()
            raise
        if value is None:
            metrics.django_cache_misses_total.labels(self.label).inc()
            return default
        metrics.django_cache_hits_total.labels(self.label).inc()
        return value


class LocalCache(CountedReads, locmem.LocMemCache):
    """Cache in the memory of the process, for a service with one worker."""

    label = "locmem"
    _consuming = threading.Lock()  # of all instances: Django makes one for each thread

    def consume(
        self, counters: Sequence[Counter], cost: int, *, timeout_seconds: int
    ) -> tuple[bool, int]:
        """Add a cost to counters, one after the other, until it would exceed the limit of one.

        Return whether it was added to all, and the value of the last one that was looked at.
        """
        used = 0
        with self._consuming:
            for key, limit in counters:
                used = locmem.LocMemCache.get(self, key, 0)  # which counts no read
                if used + cost > limit:
                    return False, used
                used += cost
                self.set(key, used, timeout_seconds)
        return True, used


class RedisClient(redis.RedisCacheClient):
    """Django's client, which here is not made anew for each command: that took longer than most.

    Threads may share it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._client_for = functools.cache(super().get_client)

    def get_client(self, key: Any = None, *, write: Any = False) -> Any:
        return self._client_for(write=write)

    def incr(self, key: Any, delta: Any) -> Any:
        """Add to a counter in one round trip; raise ValueError when there is none.

        Django asks first whether there is one, in a round trip of its own.
        """
        client = self.get_client(key, write=True)
        value = client.incr(key, delta)
        if value == delta:  # INCR has made it, without an expiry: it would stay for ever
            client.delete(key)
            raise ValueError(f"Key '{key}' not found.")
        return value


class RedisCache(CountedReads, redis.RedisCache):
    """Cache in Redis, for a service with several workers."""

    label = "native_redis"

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = RedisClient

    def consume(
        self, counters: Sequence[Counter], cost: int, *, timeout_seconds: int
    ) -> tuple[bool, int]:
        """Add a cost to counters as LocalCache does, in one round trip."""
        keys = [self.make_and_validate_key(key) for key, _ in counters]
        limits = [limit for _, limit in counters]
        client: Any = self._cache.get_client(write=True)
        fits, used = client.eval(_CONSUME, len(keys), *keys, cost, timeout_seconds, *limits)
        return bool(fits), used
