"""Calls of the cache that stop nobody while it is away"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Self, TypeVar

from django.http import HttpRequest

logger = logging.getLogger(__name__)
Value = TypeVar("Value")
STEADY_SECONDS = 10.0  # without a failure, after which an outage is over

_failed_at: float | None = None  # on time.monotonic(), the last time of an outage
_lock = threading.Lock()


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
        if not self._is_available:
            return otherwise
        try:
            value = function()
        except Exception as error:  # each client of a cache has its own
            self._is_available = False
            _log_failure(error)
            return otherwise
        if _failed_at is not None:
            _log_success()
        return value


def reset() -> None:
    """Forget an outage, as in a new process."""
    global _failed_at
    _failed_at = None


def _log_failure(error: Exception) -> None:
    """Log the first failure of an outage: not each of a thousand requests a second."""
    global _failed_at
    with _lock:
        is_first, _failed_at = _failed_at is None, time.monotonic()
    if is_first:
        logger.warning("The cache is down, limits are not counted: %r", error)


def _log_success() -> None:
    """Log the end of an outage: not each success of a cache that fails now and then."""
    global _failed_at
    with _lock:
        is_over = _failed_at is not None and time.monotonic() - _failed_at >= STEADY_SECONDS
        if is_over:
            _failed_at = None
    if is_over:
        logger.warning("The cache is back, limits are counted again")
