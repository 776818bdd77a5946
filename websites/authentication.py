"""Authentication classes of the APIs: bearer tokens and login sessions."""

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from config.api.cors import is_cross_site
from config.api.errors import Forbidden, InvalidCredentials, NotAuthenticated, StaffOnly
from websites import sessions, tokens
from websites.models import Share, User
from websites.shares import is_share_token
from websites.signed_tokens import Caller

CROSS_SITE = "Cross-site request refused"
NO_SESSION = "Valid session required"


class BearerAuthentication(BaseAuthentication):
    """Require `Authorization: Bearer <token>`, the scheme in exactly this case."""

    schemes: ClassVar[tuple[str, ...]] = ("bearer",)  # their names in the description of the API
    errors = (NotAuthenticated(), InvalidCredentials())

    def authenticate(self, request: Request) -> tuple[Caller, str]:
        """Return the caller and the token; raise NotAuthenticated or InvalidCredentials."""
        token = self.token_of(request)
        return self.verify(request, token), token

    def verify(self, request: Request, token: str) -> Caller:
        """Return the caller of a token; events are taken by its signature if need be.

        Raises InvalidCredentials, or ReadUnavailable.
        """
        is_ingest = request.parser_context["view"].endpoint.ingest
        return tokens.verify(token, by_signature=is_ingest)

    def token_of(self, request: Request) -> str:
        """Return the token of a request; raise NotAuthenticated without one."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if not token or not self.is_bearer(scheme):
            raise NotAuthenticated
        return token

    def is_bearer(self, scheme: str) -> bool:
        return scheme == "Bearer"


class AnyCaseBearerAuthentication(BearerAuthentication):
    """Require a bearer token, with its scheme in any case."""

    def is_bearer(self, scheme: str) -> bool:
        return scheme.lower() == "bearer"


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody with the token of a share, who is no user."""

    share: Share
    pk: None = None


class ReaderAuthentication(BearerAuthentication):
    """Require a bearer token: that of a user, or to read also that of a share."""

    schemes: ClassVar[tuple[str, ...]] = ("bearer", "share")

    def authenticate(self, request: Request) -> tuple[Any, str]:
        """Return the caller or a Guest, and the token.

        Raises NotAuthenticated or InvalidCredentials.
        """
        token = self.token_of(request)
        if request.method not in ("GET", "HEAD") or not is_share_token(token):
            return self.verify(request, token), token
        share = Share.objects.of_token(token)
        if share is None:
            raise InvalidCredentials
        share.record_use()
        return Guest(share), token


class SessionAuthentication(BaseAuthentication):
    """Require the login session of an active user, and no page of another site."""

    schemes: ClassVar[tuple[str, ...]] = ("session",)
    errors = (Forbidden(CROSS_SITE), Forbidden(NO_SESSION))

    def authenticate(self, request: Request) -> tuple[User, None]:
        """Return the user, read anew for each request; raise Forbidden if there is none."""
        if is_cross_site(request._request):
            raise Forbidden(CROSS_SITE)
        user = sessions.user_of(request._request)
        if user is None:
            raise Forbidden(NO_SESSION)
        return user, None


class BearerOrSessionAuthentication(BaseAuthentication):
    """Require a bearer token, or without an `Authorization` header the session of a browser."""

    schemes: ClassVar[tuple[str, ...]] = ("bearer", "session")
    errors = BearerAuthentication.errors

    def authenticate(self, request: Request) -> tuple[Caller | User, str | None]:
        """Return the caller and the token, or the user and the session's key.

        Raises NotAuthenticated or InvalidCredentials.
        """
        if "Authorization" in request.headers:
            return AnyCaseBearerAuthentication().authenticate(request)
        try:
            user, _ = SessionAuthentication().authenticate(request)
        except Forbidden:
            raise NotAuthenticated from None
        return user, request._request.session.session_key


def user_id_of(request: Request) -> UUID:
    """Return the id of the user of an endpoint that requires a token or a session."""
    user: Any = request.user
    user_id: UUID = user.pk
    return user_id


def caller_of(request: Request) -> Caller:
    """Return the caller of an endpoint that requires a bearer token."""
    caller: Any = request.user
    assert isinstance(caller, Caller)
    return caller


def require_staff(caller: Caller) -> None:
    """Raise StaffOnly unless a caller may log in to the admin."""
    if not User.objects.filter(pk=caller.user_id, is_active=True, is_staff=True).exists():
        raise StaffOnly


def user_of(request: Request) -> User:
    """Return the user of an endpoint that requires a session."""
    assert isinstance(request.user, User)
    return request.user
