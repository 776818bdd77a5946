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


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Limit the waiting of a block to some seconds, within what the block around it has left."""
    outer = _budget.seconds
    budget = seconds if outer is None else min(seconds, outer)
    _budget.seconds = budget
    try:
        yield
    finally:
        waited = budget - (_budget.seconds or 0)
        _budget.seconds = None if outer is None else outer - waited


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


@contextmanager
def waiting() -> Iterator[None]:
    """Take the time of a block from the budget."""
    started = time.monotonic()
    try:
        yield
    finally:
        if _budget.seconds is not None:
            _budget.seconds = max(0.0, _budget.seconds - (time.monotonic() - started))
