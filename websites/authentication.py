"""Who calls: bearer tokens in the Authorization header, or the session of a browser."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from config.api.cors import is_cross_site
from config.api.errors import (
    Forbidden,
    InvalidCredentials,
    NotAuthenticated,
)
from websites import sessions, tokens
from websites.models import User
from websites.tokens import Caller

CROSS_SITE = "Cross-site request refused"
NO_SESSION = "Valid session required"


class BearerAuthentication(BaseAuthentication):
    """Demand `Authorization: Bearer <token>`, the scheme written exactly so."""

    scheme = "bearer"  # as the description of the API calls it
    errors = (NotAuthenticated(), InvalidCredentials())

    def authenticate(self, request: Request) -> tuple[Caller, str]:
        """Return the caller and the token; raises NotAuthenticated or InvalidCredentials."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if not token or not self.is_bearer(scheme):
            raise NotAuthenticated
        return tokens.verify(token), token

    def is_bearer(self, scheme: str) -> bool:
        """Tell whether a scheme is the one of bearer tokens."""
        return scheme == "Bearer"


class AnyCaseBearerAuthentication(BearerAuthentication):
    """Demand a bearer token, whatever the case in which its scheme is written."""

    def is_bearer(self, scheme: str) -> bool:
        return scheme.lower() == "bearer"


class SessionAuthentication(BaseAuthentication):
    """Demand the session of an active user, from no page of another site."""

    scheme = "session"
    errors = (Forbidden(CROSS_SITE), Forbidden(NO_SESSION))

    def authenticate(self, request: Request) -> tuple[User, None]:
        """Return the user; raises Forbidden. Session and user are read for each request."""
        if is_cross_site(request._request):
            raise Forbidden(CROSS_SITE)
        user = sessions.user_of(request._request)
        if user is None:
            raise Forbidden(NO_SESSION)
        return user, None


def caller_of(request: Request) -> Caller:
    """Return who calls an endpoint that demands a bearer token."""
    caller: Any = request.user
    assert isinstance(caller, Caller)
    return caller


def user_of(request: Request) -> User:
    """Return who calls an endpoint that demands a session."""
    assert isinstance(request.user, User)
    return request.user
