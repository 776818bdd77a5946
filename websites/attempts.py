"""How often the password of one account may be guessed, from wherever, in a fixed window.

Unknown emails count alike, so that nobody learns which ones exist. The cache holds no email.
"""

import logging
import math
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils.crypto import salted_hmac

from config import throttles
from config.budget import parse_rate
from config.errors import RateLimited

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to log in, which counts as failed until it has succeeded."""

    key: str | None  # None while nothing can be counted

    def succeed(self) -> None:
        """Forget the failures of this account."""
        if self.key:
            _ask_cache(cache.delete, self.key)


def begin(email: str) -> Attempt:
    """Count an attempt, before its password is looked at; raises RateLimited after too many."""
    limit, window = parse_rate(settings.LOGIN_FAILURES)
    now = time.time()
    ends_at = (int(now) // window + 1) * window
    account = salted_hmac("websites.attempts", email.lower(), algorithm="sha256").hexdigest()
    key = f"attempts:{account}:{ends_at}"
    count = _ask_cache(_raised, key, window) if throttles.store_answers.get() else None
    if count is not None and count > limit:
        raise RateLimited(max(1, math.ceil(ends_at - now)))
    return Attempt(key if count else None)


def _raised(key: str, seconds: int) -> int:
    """Return the count of a key, this attempt included; of many at once none is lost."""
    return 1 if cache.add(key, 1, timeout=seconds) else cache.incr(key)


def _ask_cache(ask: Any, *arguments: Any) -> Any:
    try:
        return ask(*arguments)
    except Exception:
        # Whatever the cache's client raises: limits protect the service, they must not stop it.
        logger.exception("Attempts to log in cannot be counted; they pass")
        return None
