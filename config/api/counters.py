"""The store of counters, Django's cache, as one request knows it: answering, or away.

FailOpenCache limit what clients may do. They protect the service and must not stop it: while their
store is away nothing is counted, and requests pass.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from django.http import HttpRequest

logger = logging.getLogger(__name__)
Value = TypeVar("Value")


class FailOpenCache:
    """Asks the store until it fails once, so that a request waits for a silent one only once."""

    def __init__(self) -> None:
        self._answer = True

    def call(self, question: Callable[[], Value], *, otherwise: Value) -> Value:
        """Return what the store answers, or something else while it is away."""
        if self._answer:
            try:
                return question()
            except Exception:  # whatever the cache's client raises
                logger.exception("Limits cannot be counted; requests pass")
                self._answer = False
        return otherwise


def of(request: HttpRequest) -> FailOpenCache:
    """Return the counters as a request knows them."""
    known: FailOpenCache = vars(request).setdefault("counters", FailOpenCache())
    return known
