"""Bearer tokens: issued at a login, verified, exchanged, revoked"""

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from cachetools import TTLCache
from django.conf import settings
from django.db import InterfaceError, OperationalError

from config.api.errors import InvalidCredentials, ReadUnavailable
from config.db import deadline
from websites import revocation
from websites.models import User
from websites.signed_tokens import AccessToken, Caller, RefreshToken, claims_of, new_family, sign

logger = logging.getLogger(__name__)
NO_REFRESH = "Invalid or expired refresh token"
MAX_AGE_SECONDS = 1.5  # a token that is revoked must stop within two
CACHE_SIZE = 10_000
ACCESS_SECONDS = int(AccessToken.lifetime.total_seconds())


@dataclass(frozen=True, slots=True)
class Pair:
    """Two new tokens of a user."""

    user_id: UUID
    access: str
    refresh: str


def _clock() -> float:
    return time.monotonic()  # found at each call, so that tests can set it


# The callers of tokens with a good signature; None where the database says that the token is
# revoked or its user gone.
_callers: TTLCache[str, Caller | None] = TTLCache(CACHE_SIZE, MAX_AGE_SECONDS, _clock)
_MISSING: Any = object()
_lock = threading.Lock()  # a TTLCache is not safe for threads


def issue(user: User, family: str | None = None) -> Pair:
    """Return new tokens of a user: after a login of a new family."""
    family = family or new_family()
    return Pair(user.id, sign(AccessToken, user, family), sign(RefreshToken, user, family))


def verify(token: str, *, by_signature: bool = False) -> Caller:
    """Return the caller of an access token; raise InvalidCredentials if it is not valid.

    While the main database is away, the signature alone decides if that is enough, so that events
    are not lost; else this raises ReadUnavailable.
    """
    with _lock:
        # One access: between two, such as `in` and `[]`, the entry may expire.
        caller: Caller | None = _callers.get(token, _MISSING)
    if caller is _MISSING:
        caller = _check(token)
    if caller is None or caller.expires_at <= time.time():
        raise InvalidCredentials
    if not (caller.is_checked or by_signature):
        raise ReadUnavailable
    return caller


def rotate(refresh_token: str) -> Pair:
    """Exchange a refresh token for a new pair of tokens of its family.

    Raises InvalidCredentials. Of two concurrent calls with one token exactly one succeeds.
    """
    claims = claims_of(RefreshToken, refresh_token)
    user = revocation.active_user_of_family(claims) if claims else None
    if claims is None or user is None or not revocation.exchange(claims):
        raise InvalidCredentials(NO_REFRESH)
    return issue(user, claims.family)


def log_out(token: str, caller: Caller, refresh_token: str | None) -> None:
    """Revoke an access token, and a refresh token of the same user."""
    revocation.revoke(caller)
    with _lock:
        _callers[token] = None
    claims = claims_of(RefreshToken, refresh_token) if refresh_token else None
    if claims and claims.user_id == caller.user_id:
        revocation.revoke(claims)


def reset() -> None:
    with _lock:
        _callers.clear()


def _check(token: str) -> Caller | None:
    """Return the caller of a valid access token, and cache it."""
    found = claims_of(AccessToken, token)
    if found is None:
        return None  # the token alone says so, and anybody can make such tokens: not cached
    try:
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS / 4):  # the request has work to do
            is_valid = revocation.active_user(found) is not None
    except (OperationalError, InterfaceError) as error:
        logger.warning("Tokens cannot be looked up, only events are taken: %s", error)
        caller: Caller | None = found
    else:
        caller = replace(found, is_checked=True) if is_valid else None
    with _lock:
        # A logout during the query has put None here, which must win.
        return _callers.setdefault(token, caller)
