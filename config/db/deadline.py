"""Deadlines for waiting on databases: a budget of seconds for each thread.

PostgreSQL's own timeouts do not help with a server that is frozen or behind a network that drops
packets: its kernel may still acknowledge what is sent, and no error ever comes. Only the client can
stop waiting. The connections of config/db/backend do, when the budget is spent.

Only waiting counts, not the time between two queries.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper


class _Budget(threading.local):
    seconds: float | None = None  # None outside of every block, such as in commands: no limit


_budget = _Budget()


class within:  # made by contextmanager it would take twice as long
    """Limit the waiting of a block to some seconds, within what the block around it has left."""

    __slots__ = ("_budget", "_outer")

    def __init__(self, seconds: float) -> None:
        self._budget = seconds

    def __enter__(self) -> None:
        self._outer = _budget.seconds
        if self._outer is not None:
            self._budget = min(self._budget, self._outer)
        _budget.seconds = self._budget

    def __exit__(self, *exception: object) -> None:
        waited = self._budget - (_budget.seconds or 0)
        _budget.seconds = None if self._outer is None else self._outer - waited


def remaining() -> float | None:
    """Return the seconds of waiting that are left, None for no limit."""
    return _budget.seconds


@contextmanager
def long_transaction(alias: str) -> Iterator[CursorWrapper]:
    """Run a block as a transaction whose statements have no time limit, unlike those of requests.

    Never within another transaction, which would lose its time limit too.
    """
    with transaction.atomic(using=alias, durable=True), connections[alias].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        yield cursor


class waiting:
    """Take the time of a block from the budget."""

    __slots__ = ("_started",)

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, *exception: object) -> None:
        left = _budget.seconds
        if left is not None:
            _budget.seconds = max(0.0, left - (time.monotonic() - self._started))
