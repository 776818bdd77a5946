"""Bearer tokens: JWTs of djangorestframework-simplejwt and their revocation.

Its blacklist tables hold revoked tokens only; `manage.py flushexpiredtokens` deletes them once they
have expired.
"""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cachetools import TTLCache
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Exists
from django.utils.crypto import salted_hmac
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, Token

from config.api.errors import InvalidCredentials
from config.db import deadline, uuid7
from websites.models import User

logger = logging.getLogger(__name__)
NO_REFRESH = "Invalid or expired refresh token"
MAX_AGE_SECONDS = 1.5  # a token that is revoked must stop within two
CACHE_SIZE = 10_000
MAX_TOKEN_LENGTH = 2048  # ours have about 600 characters
GENERATION_LENGTH = 16
ACCESS_SECONDS = int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds())


class RefreshToken(Token):
    """A refresh token; that of simplejwt makes a query of its own for its revocation."""

    token_type = "refresh"
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a token; `token_id` is its jti, `expires_at` in Unix seconds.

    generation: that of the user when it was issued, which a new password ends.
    """

    user_id: UUID
    email: str
    token_id: str
    expires_at: float
    generation: str

    @property
    def pk(self) -> UUID:
        return self.user_id  # as Django calls it


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


def issue(user: User) -> Pair:
    return Pair(user.id, _signed(AccessToken(), user), _signed(RefreshToken(), user))


def verify(token: str) -> Caller:
    """Return the caller of an access token; raise InvalidCredentials if it is not valid."""
    with _lock:
        # One access: between two, such as `in` and `[]`, the entry may expire.
        caller: Caller | None = _callers.get(token, _MISSING)
    if caller is _MISSING:
        caller = _check(token)
    if caller is None or caller.expires_at <= time.time():
        raise InvalidCredentials
    return caller


def rotate(refresh_token: str) -> Pair:
    """Revoke a refresh token and return a new pair of tokens.

    Raises InvalidCredentials. Of two concurrent calls with one token exactly one succeeds.
    """
    claims = _claims(RefreshToken, refresh_token)
    user = _active_user(claims) if claims else None
    if claims is None or user is None or not _revoke(claims):
        raise InvalidCredentials(NO_REFRESH)
    return issue(user)


def log_out(token: str, caller: Caller, refresh_token: str | None) -> None:
    """Revoke an access token, and a refresh token of the same user."""
    _revoke(caller)
    with _lock:
        _callers[token] = None
    claims = _claims(RefreshToken, refresh_token) if refresh_token else None
    if claims and claims.user_id == caller.user_id:
        _revoke(claims)


def reset() -> None:
    with _lock:
        _callers.clear()


def _signed(token: Token, user: User) -> str:
    token["user_id"] = token["sub"] = str(user.id)
    token["email"] = user.email
    # The contract lists all claims, of which this one may hold anything.
    token["jti"] += f".{_generation_of(user)}"
    return str(token)


def _generation_of(user: User) -> str:
    """Return what changes with the password of a user, as Django has it in sessions."""
    return salted_hmac("tokens", user.password, algorithm="sha256").hexdigest()[:GENERATION_LENGTH]


def _check(token: str) -> Caller | None:
    """Return the caller of a valid access token, and cache it.

    While the main database is away the signature alone decides, so that events are not lost.
    """
    claims = _claims(AccessToken, token)
    if claims is None:
        return None  # the token alone says so, and anybody can make such tokens: not cached
    caller: Caller | None = claims
    try:
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS / 4):  # the request has work to do
            caller = claims if _active_user(claims) else None
    except (OperationalError, InterfaceError) as error:
        logger.warning("Tokens are checked by their signature alone: %s", error)
    with _lock:
        # A logout during the query has put None here, which must win.
        return _callers.setdefault(token, caller)


def _claims(kind: type[Token], token: str) -> Caller | None:
    """Return the claims of a token of this kind, None unless its signature and times are good."""
    if len(token) > MAX_TOKEN_LENGTH:
        return None
    try:
        payload: dict[str, Any] = kind(token).payload  # type: ignore[arg-type]
    except (TokenError, RecursionError, OverflowError, ValueError):
        # RecursionError: JSON nested too deep; OverflowError, ValueError: `exp` is no possible time
        return None
    user_id = uuid7.parse(str(payload.get("user_id")))
    if user_id is None or "\0" in str(payload["jti"]):  # PostgreSQL's texts hold no NUL
        return None
    token_id = str(payload["jti"])
    generation = token_id.partition(".")[2]
    return Caller(user_id, str(payload.get("email", "")), token_id, payload["exp"], generation)


def _active_user(claims: Caller) -> User | None:
    """Return the active user of a token, None if the token is revoked."""
    revoked = BlacklistedToken.objects.filter(token__jti=claims.token_id)
    user = User.objects.filter(~Exists(revoked), id=claims.user_id, is_active=True).first()
    # Those of before an upgrade have no generation.
    is_current = user and claims.generation in ("", _generation_of(user))
    return user if is_current else None


def _revoke(claims: Caller) -> bool:
    """Revoke a token; return whether it was valid until now."""
    expires_at = datetime.fromtimestamp(claims.expires_at, UTC)
    token, _ = OutstandingToken.objects.get_or_create(
        jti=claims.token_id, defaults={"expires_at": expires_at}
    )
    return BlacklistedToken.objects.get_or_create(token=token)[1]
