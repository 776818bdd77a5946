"""A budget that a caller may spend in a fixed window, shared by all processes.

django-ratelimit counts requests, one by one; here a request costs as much as it holds, and one
that does not fit costs nothing. The counter is in Django's cache, whose `take` is one atomic step
(redis_cache.py, local_cache.py): concurrent requests never spend more than there is.
"""

import math
import time
from typing import Any

from django.conf import settings
from django.core.cache import cache

from config.api.counters import FailOpenCache
from config.api.errors import RateLimited

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
store: Any = cache  # whose `take` no type of Django's knows


class Quota:
    """What one caller may still spend in the window of this moment.

    `setting` names the limit, such as RATE_COLLECT with "100/m". While the store of the counters
    is away everything fits.
    """

    def __init__(
        self, setting: str, caller: object, *, cache_of_request: FailOpenCache | None = None
    ) -> None:
        self.limit, self._window = parse_rate(getattr(settings, setting))
        self._now = time.time()
        self.ends_at = (int(self._now) // self._window + 1) * self._window  # Unix time
        self._key = f"budget:{setting}:{caller}:{self.ends_at}"
        self._cache = cache_of_request or FailOpenCache()
        self._used: int = self._cache.call(lambda: store.get(self._key, 0), otherwise=0)

    @property
    def remaining(self) -> int:
        """What may still be spent."""
        return max(0, self.limit - self._used)

    def require_remaining(self) -> None:
        """Raise RateLimited when nothing is left."""
        if not self.remaining:
            raise self._refusal()

    def consume(self, cost: int) -> None:
        """Take a cost; raises RateLimited, and takes nothing, when it does not fit."""
        fits, self._used = self._cache.call(
            lambda: store.take(self._key, cost, at_most=self.limit, timeout=self._window),
            otherwise=(True, self._used),
        )
        if not fits:
            raise self._refusal()

    def forget(self) -> None:
        """Give back whatever was taken in this window."""
        self._cache.call(lambda: store.delete(self._key), otherwise=False)

    def _refusal(self) -> RateLimited:
        return RateLimited(max(1, math.ceil(self.ends_at - self._now)))


def parse_rate(rate: str) -> tuple[int, int]:
    """Return the limit and the seconds of a rate such as 100/m or 5/30s."""
    limit, _, period = rate.partition("/")
    return int(limit), int(period[:-1] or 1) * SECONDS[period[-1]]
