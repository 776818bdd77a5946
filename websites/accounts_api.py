"""The accounts API: register, log in by tokens or by a session, stay logged in, log out."""

from typing import Any, ClassVar

from django.contrib.auth import get_user, logout
from django.http import HttpResponse
from rest_framework.request import Request

from config.api.cors import is_cross_site
from config.api.dialects import flat
from config.api.dialects.base import (
    Words,
    iso,
)
from config.api.errors import (
    Conflict,
    Forbidden,
    InvalidCredentials,
)
from config.api.fields import (
    Text,
    an_email,
    at_least,
    at_most,
    matching,
)
from config.api.serializers import StrictSerializer
from config.api.view import (
    DialectView,
    endpoint,
)
from websites import accounts, sessions, tokens
from websites.accounts_responses import (
    LoggedIn,
    LoggedOut,
    Me,
    Refreshed,
    Registered,
)
from websites.authentication import CROSS_SITE, BearerAuthentication, caller_of
from websites.models import User
from websites.tokens import Pair


def words(*, failed: str = "Request failed") -> Words:
    """Return the sentences of one endpoint of this API."""
    return Words(invalid="Invalid request body", failed=failed)


class RegisterSerializer(StrictSerializer):
    """A new account."""

    email = Text(an_email(), at_least(5), at_most(255))
    password = Text(
        at_least(8),
        at_most(128),
        matching("[A-Z]", code="uppercase_missing"),
        matching("[a-z]", code="lowercase_missing"),
        matching("[0-9]", code="digit_missing"),
    )
    name = Text(at_least(2), at_most(255), required=False)

    example: ClassVar[Any] = {
        "email": "user@example.com",
        "password": "SecurePass123",
        "name": "John Doe",
    }


class LoginSerializer(StrictSerializer):
    """Who logs in."""

    email = Text(an_email())
    password = Text(at_least(1, code="password_empty"))

    example: ClassVar[Any] = {"email": "user@example.com", "password": "SecurePass123"}


class RefreshSerializer(StrictSerializer):
    """The token to exchange."""

    refreshToken = Text(at_least(1))

    example: ClassVar[Any] = {"refreshToken": "eyJ..."}


class LogoutSerializer(StrictSerializer):
    """The other token to revoke, if any."""

    refreshToken = Text(required=False)

    example: ClassVar[Any] = {"refreshToken": "eyJ..."}


REGISTER, LOGIN = RegisterSerializer(), LoginSerializer()
REFRESH, LOGOUT = RefreshSerializer(), LogoutSerializer()


class RegisterView(DialectView):
    """/api/v1/auth/register"""

    dialect = flat.DIALECT

    @endpoint(
        rate="RATE_AUTH",
        words=words(failed="Registration failed"),
        takes=REGISTER,
        answers={201: Registered},
        refuses=(Conflict(accounts.TAKEN),),
    )
    def post(self, request: Request) -> HttpResponse:
        """Make an account."""
        account = REGISTER.to_internal_value(self.json())
        user, api_key = accounts.register(**account)
        self.note(user_id=user.pk)
        return self.answer(201, _logged_in(user, apiKey=api_key))


class LoginView(DialectView):
    """/api/v1/auth/login"""

    dialect = flat.DIALECT

    @endpoint(
        rate="RATE_AUTH",
        words=words(failed="Login failed"),
        takes=LOGIN,
        answers={200: LoggedIn},
        refuses=(InvalidCredentials(accounts.WRONG), Forbidden(accounts.INACTIVE)),
    )
    def post(self, request: Request) -> HttpResponse:
        """Log in by email and password."""
        user = accounts.prove(request._request, **LOGIN.to_internal_value(self.json()))
        self.note(user_id=user.pk)
        return self.answer(200, _logged_in(user))


class RefreshView(DialectView):
    """/api/v1/auth/refresh"""

    dialect = flat.DIALECT

    @endpoint(
        rate="RATE_AUTH",
        words=words(),
        takes=REFRESH,
        answers={200: Refreshed},
        refuses=(InvalidCredentials(tokens.NO_REFRESH),),
    )
    def post(self, request: Request) -> HttpResponse:
        """Exchange a refresh token, which is then revoked, for two new tokens."""
        sent = REFRESH.to_internal_value(self.json())
        pair = tokens.rotate(sent["refreshToken"])
        self.note(user_id=pair.user_id)
        return self.answer(200, {"tokens": _shown_tokens(pair)})


class LogoutView(DialectView):
    """/api/v1/auth/logout"""

    dialect = flat.DIALECT

    @endpoint(
        authentication=BearerAuthentication, words=words(), takes=LOGOUT, answers={200: LoggedOut}
    )
    def post(self, request: Request) -> HttpResponse:
        """Revoke the access token of the header, and a refresh token of the same user."""
        sent = LOGOUT.to_internal_value(self.json())
        tokens.log_out(str(request.auth), caller_of(request), sent["refreshToken"])
        return self.answer(200, {"message": "Logged out successfully"})


class MeView(DialectView):
    """/api/v1/auth/me"""

    dialect = flat.DIALECT

    @endpoint(authentication=BearerAuthentication, words=words(), answers={200: Me})
    def get(self, request: Request) -> HttpResponse:
        """Show the user of the token."""
        user = accounts.active_user(caller_of(request).user_id)
        return self.answer(200, {"user": _shown_user(user, isActive=user.is_active)})


class SessionView(DialectView):
    """/api/v1/auth/session"""

    dialect = flat.DIALECT

    @endpoint(
        rate="RATE_AUTH",
        words=words(failed="Login failed"),
        takes=LOGIN,
        answers={204: None},
        refuses=(
            Forbidden(CROSS_SITE),
            InvalidCredentials(accounts.WRONG),
            Forbidden(accounts.INACTIVE),
        ),
        tells=("Set-Cookie",),
    )
    def post(self, request: Request) -> HttpResponse:
        """Begin a session of a browser, whose cookie collect needs."""
        user = accounts.prove(request._request, **LOGIN.to_internal_value(self.json()))
        self.note(user_id=user.pk)
        sessions.begin(request._request, user)
        return _no_content()

    @endpoint(
        words=words(failed="Login failed"),
        answers={204: None},
        refuses=(Forbidden(CROSS_SITE),),
        tells=("Set-Cookie",),
    )
    def delete(self, request: Request) -> HttpResponse:
        """End the session of the cookie, if there is one."""
        user = get_user(request._request)  # DRF has put its own, nobody, into the request
        if user.is_authenticated:
            self.note(user_id=user.pk)
        logout(request._request)
        return _no_content()

    def perform_authentication(self, request: Request) -> None:
        """Refuse pages of other sites, which would log a browser in as somebody else.

        Without a Content-Type they can post JSON unasked. They do not use up the rate limit.
        """
        if is_cross_site(request._request):
            raise Forbidden(CROSS_SITE)
        super().perform_authentication(request)


def _no_content() -> HttpResponse:
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response


def _shown_user(user: User, **more: Any) -> dict[str, Any]:
    return {
        "id": str(user.id),
        "email": user.email,
        "name": user.name,
        "createdAt": iso(user.created_at),
        **more,
    }


def _shown_tokens(pair: Pair) -> dict[str, Any]:
    return {
        "accessToken": pair.access,
        "refreshToken": pair.refresh,
        "expiresIn": tokens.ACCESS_SECONDS,
    }


def _logged_in(user: User, **more: Any) -> dict[str, Any]:
    pair = tokens.issue(user)
    return {
        "user": _shown_user(user, **more),
        "tokens": _shown_tokens(pair),
        "access_token": pair.access,
    }
