"""Revocation of tokens and of their families

The blacklist tables of djangorestframework-simplejwt hold what is revoked, and nothing else, until
`manage.py flushexpiredtokens` deletes it: a token by its jti, a family by a name of its own.
`created_at` is when a refresh token was exchanged, NULL for all that was revoked by a logout.
"""

from datetime import UTC, datetime, timedelta

from django.db.models import Exists
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from config.db import uuid7
from websites.models import User
from websites.signed_tokens import AccessToken, Caller, RefreshToken

RETRY = timedelta(seconds=30)  # within which a client may repeat an exchange that got no answer
LONGEST_LIFETIME = max(AccessToken.lifetime, RefreshToken.lifetime)


def active_user(claims: Caller) -> User | None:
    """Return the active user of a token, None if the token or its family is revoked."""
    return _user_of(claims, claims.token_id, _family(claims))


def active_user_of_family(claims: Caller) -> User | None:
    """Return the active user of a token, None if its family is revoked."""
    return _user_of(claims, _family(claims))


def revoke(claims: Caller) -> None:
    _store(claims.token_id, datetime.fromtimestamp(claims.expires_at, UTC))


def exchange(claims: Caller) -> bool:
    """Revoke a refresh token for new ones; return whether it was valid until now.

    One that comes again when its client must have the new ones has been stolen, or these have: it
    ends the family.
    """
    now = uuid7.now()
    expires_at = datetime.fromtimestamp(claims.expires_at, UTC)
    token, is_first = _store(claims.token_id, expires_at, exchanged_at=now)
    if not is_first and token.created_at and now - token.created_at > RETRY:
        _store(_family(claims), now + LONGEST_LIFETIME)
    return is_first


def _user_of(claims: Caller, *revocable: str) -> User | None:
    revoked = BlacklistedToken.objects.filter(token__jti__in=revocable)
    user = User.objects.filter(~Exists(revoked), id=claims.user_id, is_active=True).first()
    return user if user and claims.is_of(user) else None


def _family(claims: Caller) -> str:
    return f"family {claims.family}"


def _store(
    name: str, expires_at: datetime, exchanged_at: datetime | None = None
) -> tuple[OutstandingToken, bool]:
    """Store a revocation; return its row and whether it is the first."""
    token, _ = OutstandingToken.objects.get_or_create(
        jti=name, defaults={"expires_at": expires_at, "created_at": exchanged_at}
    )
    return token, BlacklistedToken.objects.get_or_create(token=token)[1]
