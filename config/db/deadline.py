"""How long a thread waits for databases: a budget in seconds, on which all its waiting draws.

A server that is frozen, or behind a network that swallows packets, ends no query by itself, and
its kernel may acknowledge whatever is sent: only the waiting side can put an end to it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction


class _Budget(threading.local):
    left: float | None = None  # outside of every block, such as in commands, nothing is counted


_budget = _Budget()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let a block wait so long in all, and no longer than the block around it may."""
    outer = _budget.left
    given = seconds if outer is None else min(seconds, outer)
    _budget.left = given
    try:
        yield
    finally:
        _budget.left = None if outer is None else outer - (given - _budget.left)


def remaining() -> float | None:
    """Return the seconds that may still be waited, None for no limit."""
    return _budget.left


@contextmanager
def long_transaction(alias: str) -> Iterator[None]:
    """Let the statements of a block, one transaction, take longer than those of requests may."""
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        yield


@contextmanager
def waiting() -> Iterator[None]:
    """Count the time that a block waits."""
    begun = time.monotonic()
    try:
        yield
    finally:
        if _budget.left is not None:
            _budget.left = max(0.0, _budget.left - (time.monotonic() - begun))
