"""Marks of client addresses, which tell who is the same within one day of UTC and nothing more.

A mark is HMAC-SHA256 keyed with the salt of the day. Once the salt is gone, nobody can find out
which address a mark was made of. All processes share the salts, in the database of the marks.
"""

import hmac
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.db.models import QuerySet

from config.db import (
    deadline,
    uuid7,
)
from config.models import DailySalt

LENGTH = 32  # hex digits
RETENTION = timedelta(days=2)  # since the day began
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Salt:
    day: date
    value: bytes


_lock = threading.Lock()
_known: _Salt | None = None
_asks_again_at = 0.0


def hash_address(address: str) -> str:
    """Return the mark of an address in canonical text: 32 hex digits, others tomorrow.

    Raises OperationalError while the salt of the day cannot be read.
    """
    today = uuid7.now().date()
    salt = _known if _known and _known.day == today else _read(today)
    return hmac.digest(salt.value, address.encode(), "sha256").hex()[:LENGTH]


def expired() -> QuerySet[DailySalt]:
    """Return the salts that have served their time."""
    today = uuid7.now().date()
    return DailySalt.objects.filter(day__lte=today - RETENTION)


def delete_expired() -> int:
    """Delete the salts that have served their time; return how many there were."""
    deleted, _ = expired().delete()
    return deleted


def reset() -> None:
    """Let the next mark read the salt anew."""
    global _known, _asks_again_at
    _known, _asks_again_at = None, 0.0


def _read(day: date) -> _Salt:
    global _known, _asks_again_at
    limit = settings.WRITE_TIMEOUT_SECONDS / 4  # the request has work to do
    with deadline.within(limit), _turn():
        if _known and _known.day == day:
            return _known  # another thread was faster
        if time.monotonic() < _asks_again_at:
            raise OperationalError("the salt of the day could not be read a moment ago")
        try:
            row, _ = DailySalt.objects.get_or_create(day=day)
            delete_expired()  # whoever made the row may have failed to
        except DatabaseError as error:
            _asks_again_at = time.monotonic() + RETRY_SECONDS
            raise OperationalError(str(error)) from error
        _known = _Salt(day, bytes(row.value))
        return _known


@contextmanager
def _turn() -> Iterator[None]:
    """Let one thread at a time ask, the others wait as long as they have patience."""
    with deadline.waiting():
        is_ours = _lock.acquire(timeout=deadline.remaining() or 0)
    if not is_ours:
        raise OperationalError("another request waits for the salt of the day")
    try:
        yield
    finally:
        _lock.release()
