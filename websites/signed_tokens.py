"""Signed tokens: JWTs of djangorestframework-simplejwt, their claims and keys

The contract lists all claims, of which `jti` may hold anything: here an id, the user's generation
and the token's family, with dots between. Tokens of before an upgrade have no family, some no
generation.
"""

import hmac
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.utils.crypto import salted_hmac
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

from config.db import uuid7
from websites.models import User

MAX_LENGTH = 2048  # ours have about 450 characters
GENERATION_LENGTH = 16


class RotatingBackend(TokenBackend):
    """Signs with a key, and takes signatures of older ones too."""

    def __init__(self, key: str, *older: str) -> None:
        super().__init__("HS256", key)
        self._older = RotatingBackend(*older) if older else None

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """Return the claims; raise TokenBackendError."""
        try:
            return super().decode(token, verify=verify)
        except TokenBackendExpiredToken:
            raise
        except TokenBackendError:
            if self._older is None:
                raise
        return self._older.decode(token, verify=verify)


_backend = cache(RotatingBackend)


class SignedToken(Token):
    """A token with our keys."""

    def get_token_backend(self) -> Any:
        return _backend(*settings.TOKEN_KEYS)


class AccessToken(SignedToken):
    """What a caller sends with each request."""

    token_type = "access"
    lifetime = api_settings.ACCESS_TOKEN_LIFETIME


class RefreshToken(SignedToken):
    """What a caller exchanges for new tokens."""

    token_type = "refresh"
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a token; `token_id` is its jti, `expires_at` in Unix seconds.

    generation: that of the user when it was issued, which a new password ends.
    family: what descends from one login by exchanges of refresh tokens.
    is_checked: whether the database has said that it is valid, not its signature alone.
    """

    user_id: UUID
    email: str
    token_id: str
    expires_at: float
    generation: str
    family: str
    is_checked: bool = False

    @property
    def pk(self) -> UUID:
        return self.user_id  # as Django calls it

    def is_of(self, user: User) -> bool:
        """Return whether the user has had no new password since the token was issued."""
        if not self.generation:
            return True
        return any(hmac.compare_digest(self.generation, each) for each in _generations(user))


def new_family() -> str:
    return uuid4().hex


def sign(kind: type[SignedToken], user: User, family: str) -> str:
    """Return a new token of a user."""
    token = kind()
    token["user_id"] = token["sub"] = str(user.id)
    token["email"] = user.email
    token["jti"] = ".".join((token["jti"], _generations(user)[0], family))
    return str(token)


def claims_of(kind: type[SignedToken], token: str) -> Caller | None:
    """Return the claims of a token of this kind, None unless its signature and times are good."""
    if len(token) > MAX_LENGTH:
        return None
    try:
        payload: dict[str, Any] = kind(token).payload  # type: ignore[arg-type]
    except (TokenError, RecursionError, OverflowError, ValueError):
        # RecursionError: JSON nested too deep; OverflowError, ValueError: `exp` is no possible time
        return None
    user_id, token_id = uuid7.parse(str(payload.get("user_id"))), str(payload["jti"])
    if user_id is None or "\0" in token_id:  # PostgreSQL's texts hold no NUL
        return None
    id, generation, family = [*token_id.split("."), "", ""][:3]
    email = str(payload.get("email", ""))
    # Without a family, the token begins its own.
    return Caller(user_id, email, token_id, payload["exp"], generation, family or id)


def _generations(user: User) -> list[str]:
    """Return what changes with the password of a user, by each key of Django's.

    The first is the present one; the others are those of before a rotation of keys.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [salted_hmac("tokens", user.password, key, algorithm="sha256") for key in keys]
    return [digest.hexdigest()[:GENERATION_LENGTH] for digest in digests]
