"""Bearer tokens: JWTs of djangorestframework-simplejwt, revoked through its blacklist tables.

Only revoked tokens have rows; `manage.py flushexpiredtokens` deletes them once they have expired.
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
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, Token

from config.api.errors import InvalidCredentials
from config.db import (
    deadline,
    uuid7,
)
from websites.models import User

logger = logging.getLogger(__name__)
NO_REFRESH = "Invalid or expired refresh token"
MAX_AGE_SECONDS = 1.5  # of a verdict; what is revoked must stop within two
MAX_TOKEN_LENGTH = 2048  # ours have about 600 characters
ACCESS_SECONDS = int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds())


class RefreshToken(Token):
    """A refresh token; simplejwt's own asks for its revocation in a query of its own."""

    token_type = "refresh"
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token speaks for; `token_id` is its jti, `expires_at` in Unix seconds."""

    user_id: UUID
    email: str
    token_id: str
    expires_at: float

    @property
    def pk(self) -> UUID:
        """The key of the user, under the name that it has in Django."""
        return self.user_id


@dataclass(frozen=True, slots=True)
class Pair:
    """Two new tokens of a user."""

    user_id: UUID
    access: str
    refresh: str


# What the database said of tokens that are valid by themselves: their caller, or None.
_UNJUDGED: Any = object()
_verdicts: TTLCache[str, Caller | None] = TTLCache(maxsize=10_000, ttl=MAX_AGE_SECONDS)
_lock = threading.Lock()


def issue(user: User) -> Pair:
    """Return a new pair of tokens for a user."""
    return Pair(user.id, _signed(AccessToken(), user), _signed(RefreshToken(), user))


def verify(token: str) -> Caller:
    """Return whom an access token speaks for; raises InvalidCredentials."""
    with _lock:
        caller: Caller | None = _verdicts.get(
            token, _UNJUDGED
        )  # one look: it may expire between two
    if caller is _UNJUDGED:
        caller = _judge(token)
    if caller is None or caller.expires_at <= time.time():
        raise InvalidCredentials
    return caller


def rotate(refresh_token: str) -> Pair:
    """Revoke a refresh token and return a new pair; of two at once exactly one succeeds."""
    claims = _claims(RefreshToken, refresh_token)
    user = _holder(claims) if claims else None
    if claims is None or user is None or not _revoke(claims):
        raise InvalidCredentials(NO_REFRESH)
    return issue(user)


def log_out(token: str, caller: Caller, refresh_token: str | None) -> None:
    """Revoke an access token, and a refresh token if it is the same user's."""
    _revoke(caller)
    with _lock:
        _verdicts[token] = None
    claims = _claims(RefreshToken, refresh_token) if refresh_token else None
    if claims and claims.user_id == caller.user_id:
        _revoke(claims)


def reset() -> None:
    """Let every token be judged anew."""
    with _lock:
        _verdicts.clear()


def _signed(token: Token, user: User) -> str:
    token["user_id"] = token["sub"] = str(user.id)
    token["email"] = user.email
    return str(token)


def _judge(token: str) -> Caller | None:
    caller = _claims(AccessToken, token)
    if caller is None:
        return None  # known from the token alone, nothing to remember
    verdict: Caller | None = caller
    try:
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS / 4):  # the request has work to do
            verdict = caller if _holder(caller) else None
    except (OperationalError, InterfaceError) as error:
        logger.warning("Tokens are judged by their signature alone: %s", error)
    with _lock:
        # A logout that finished in the meantime has the last word.
        return _verdicts.setdefault(token, verdict)


def _claims(kind: type[Token], token: str) -> Caller | None:
    """Return what a token says if it is of its kind, signed by us and not expired."""
    if len(token) > MAX_TOKEN_LENGTH:
        return None
    try:
        payload: dict[str, Any] = kind(token).payload  # type: ignore[arg-type]
    except (TokenError, RecursionError, OverflowError, ValueError):  # nested too deep; no such time
        return None
    user_id = uuid7.parse(str(payload.get("user_id")))
    if user_id is None or "\0" in str(payload["jti"]):  # PostgreSQL can be asked for no NUL
        return None
    return Caller(user_id, str(payload.get("email", "")), str(payload["jti"]), payload["exp"])


def _holder(claims: Caller) -> User | None:
    """Return the active user of a token that is not revoked."""
    revoked = BlacklistedToken.objects.filter(token__jti=claims.token_id)
    return User.objects.filter(~Exists(revoked), id=claims.user_id, is_active=True).first()


def _revoke(claims: Caller) -> bool:
    """Revoke a token; tell whether it was good until now."""
    expires_at = datetime.fromtimestamp(claims.expires_at, UTC)
    token, _ = OutstandingToken.objects.get_or_create(
        jti=claims.token_id, defaults={"expires_at": expires_at}
    )
    return BlacklistedToken.objects.get_or_create(token=token)[1]
