"""Daily salts for address hashes.

The hash of a client's address is an HMAC-SHA256 keyed with the salt of its day in UTC: it says who
is the same within that day, and once the salt is deleted nobody can find the address that it was
made of. All processes share the salts, which are in the database of the hashes. While that is away,
a process that does not know the salt of the day makes hashes with one of its own, kept nowhere.
"""

import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import lru_cache

from cachetools import TTLCache
from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.db.models import QuerySet

from config.db import availability, deadline, uuid7
from config.db.routers import home
from config.models import DailySalt

LENGTH = 32  # hex digits
RETENTION = timedelta(days=2)  # since the day began
RETRY_SECONDS = 1.0

_salts: dict[date, bytes] = {}  # the last one that was read
_own: dict[date, bytes] = {}  # the last one that was made here
_lock = threading.Lock()  # held while one is read
# The day whose salt could not be read just now: requests must not queue up in vain.
_failed: TTLCache[date, bool] = TTLCache(1, ttl=RETRY_SECONDS, timer=lambda: time.monotonic())


def hash_address(address: str) -> str:
    """Return the hash of a canonical address today: 32 hex digits, others tomorrow.

    Raises OperationalError while the salt of the day cannot be read, unless rows are spooled then.
    """
    today = uuid7.now().date()
    return _hash(_salts.get(today) or _salt_of(today), address)


@lru_cache(maxsize=4096)  # clients send many requests
def _hash(salt: bytes, address: str) -> str:
    return hmac.digest(salt, address.encode(), "sha256").hex()[:LENGTH]


def expired() -> QuerySet[DailySalt]:
    """Return the salts that are due to be deleted."""
    today = uuid7.now().date()
    return DailySalt.objects.filter(day__lte=today - RETENTION)


def delete_expired() -> int:
    """Delete the salts that are due; return their number."""
    deleted, _ = expired().delete()
    return deleted


def reset() -> None:
    with _lock:
        _forget_salts()
        _own.clear()
        _failed.clear()


def _salt_of(day: date) -> bytes:
    """Return the salt of a day; one of this process, if it cannot be read and rows are spooled."""
    try:
        return _read(day)
    except OperationalError:
        if not availability.is_watched():
            raise
    if day not in _own:
        _own.clear()
    return _own.setdefault(day, secrets.token_bytes(32))


def _read(day: date) -> bytes:
    availability.require(home(DailySalt))
    limit = settings.WRITE_TIMEOUT_SECONDS / 4  # the request has work to do
    with deadline.within(limit), _locked():
        if day in _salts:
            return _salts[day]  # another thread was faster
        if day in _failed:
            raise OperationalError("the salt of the day could not be read a moment ago")
        try:
            row, _ = DailySalt.objects.get_or_create(day=day)
            delete_expired()  # the process that made the row may have failed to
        except DatabaseError as error:
            _failed[day] = True
            raise OperationalError(str(error)) from error
        _forget_salts()
        return _salts.setdefault(day, bytes(row.value))


def _forget_salts() -> None:
    """Forget salts that were read, and what was made of them."""
    _salts.clear()
    _hash.cache_clear()


@contextmanager
def _locked() -> Iterator[None]:
    """Let one thread at a time read; the others wait until their deadline."""
    with deadline.waiting():
        is_acquired = _lock.acquire(timeout=deadline.remaining() or 0)
    if not is_acquired:
        raise OperationalError("another request waits for the salt of the day")
    try:
        yield
    finally:
        _lock.release()
