"""The accounts API: register, log in by tokens or by a session, stay logged in, log out."""

from typing import Any, ClassVar

from django.contrib.auth import logout
from django.http import HttpResponse
from rest_framework.request import Request

from config.api import registry
from config.api.cors import is_cross_site
from config.api.dialects.base import Messages
from config.api.errors import Conflict, Forbidden, InvalidCredentials
from config.api.fields import Text
from config.api.ratelimit import RateLimit
from config.api.rules import at_least, email_address
from config.api.serializers import StrictSerializer
from config.api.view import ApiView, endpoint
from websites import accounts, email_confirmation, sessions, tokens
from websites.accounts_responses import (
    LoggedIn,
    LoggedOut,
    Me,
    NewUser,
    OwnUser,
    Refreshed,
    Registered,
    Tokens,
    UserBody,
)
from websites.authentication import CROSS_SITE, BearerAuthentication, caller_of
from websites.login_throttle import LOGIN_LIMIT


def messages(*, failed: str = "Request failed") -> Messages:
    return Messages(invalid="Invalid request body", failed=failed)


class LoginSerializer(StrictSerializer):
    """Who logs in."""

    email = Text(email_address("Invalid email address"))
    password = Text(at_least(1, "Password is required"))

    example: ClassVar[Any] = {"email": "user@example.com", "password": "SecurePass123"}


class RefreshSerializer(StrictSerializer):
    """The token to exchange."""

    refreshToken = Text(at_least(1, "Refresh token is required"))

    example: ClassVar[Any] = {"refreshToken": "eyJ..."}


class LogoutSerializer(StrictSerializer):
    """The other token to revoke, if any."""

    refreshToken = Text(default=None)

    example: ClassVar[Any] = {"refreshToken": "eyJ..."}


LOGIN = LoginSerializer()
REFRESH, LOGOUT = RefreshSerializer(), LogoutSerializer()


class RegisterView(ApiView):
    """/api/v1/auth/register"""

    api = registry.ACCOUNTS

    @endpoint(
        rate=RateLimit("RATE_AUTH"),
        messages=messages(failed="Registration failed"),
        request=accounts.REGISTER,
        responses={201: Registered},
        errors=(Forbidden(accounts.CLOSED), Conflict(accounts.TAKEN)),
    )
    def post(self, request: Request) -> HttpResponse:
        """Make an account; a link that confirms the email is sent there."""
        account = accounts.REGISTER.run_validation(self.json())
        user, api_key = accounts.register(**account)
        self.annotate(user_id=user.pk)
        email_confirmation.send_first_link(request._request, user)
        return self.respond(201, Registered.of(NewUser.of(user, api_key), tokens.issue(user)))

    def check_throttles(self, request: Request) -> None:
        """Refuse while registration is closed: after the rate limit, before the body is read."""
        super().check_throttles(request)
        accounts.require_open_registration()


class LoginView(ApiView):
    """/api/v1/auth/login"""

    api = registry.ACCOUNTS

    @endpoint(
        rate=LOGIN_LIMIT,
        messages=messages(failed="Login failed"),
        request=LOGIN,
        responses={200: LoggedIn},
        errors=(InvalidCredentials(accounts.WRONG), Forbidden(accounts.INACTIVE)),
    )
    def post(self, request: Request) -> HttpResponse:
        """Log in by email and password."""
        user = accounts.authenticate(request._request, **LOGIN.run_validation(self.json()))
        self.annotate(user_id=user.pk)
        body = LoggedIn.of(UserBody.from_attributes(user), tokens.issue(user))
        return self.respond(200, body)


class RefreshView(ApiView):
    """/api/v1/auth/refresh"""

    api = registry.ACCOUNTS

    @endpoint(
        rate=RateLimit("RATE_AUTH"),
        messages=messages(),
        request=REFRESH,
        responses={200: Refreshed},
        errors=(InvalidCredentials(tokens.NO_REFRESH),),
    )
    def post(self, request: Request) -> HttpResponse:
        """Exchange a refresh token, which is then revoked, for two new tokens."""
        sent = REFRESH.run_validation(self.json())
        pair = tokens.rotate(sent["refreshToken"])
        self.annotate(user_id=pair.user_id)
        return self.respond(200, Refreshed(Tokens.of(pair)))


class LogoutView(ApiView):
    """/api/v1/auth/logout"""

    api = registry.ACCOUNTS

    @endpoint(
        authentication=BearerAuthentication,
        messages=messages(),
        request=LOGOUT,
        responses={200: LoggedOut},
    )
    def post(self, request: Request) -> HttpResponse:
        """Revoke the access token of the header, and a refresh token of the same user."""
        sent = LOGOUT.run_validation(self.json())
        tokens.log_out(str(request.auth), caller_of(request), sent["refreshToken"])
        return self.respond(200, LoggedOut())


class MeView(ApiView):
    """/api/v1/auth/me"""

    api = registry.ACCOUNTS

    @endpoint(authentication=BearerAuthentication, messages=messages(), responses={200: Me})
    def get(self, request: Request) -> HttpResponse:
        """Show the user of the token."""
        user = accounts.active_user(caller_of(request).user_id)
        return self.respond(200, Me(OwnUser.from_attributes(user)))


class SessionView(ApiView):
    """/api/v1/auth/session"""

    api = registry.ACCOUNTS

    @endpoint(
        rate=LOGIN_LIMIT,
        messages=messages(failed="Login failed"),
        request=LOGIN,
        responses={204: None},
        errors=(
            Forbidden(CROSS_SITE),
            InvalidCredentials(accounts.WRONG),
            Forbidden(accounts.INACTIVE),
        ),
        headers=("Set-Cookie",),
    )
    def post(self, request: Request) -> HttpResponse:
        """Begin a session of a browser, whose cookie collect needs."""
        user = accounts.authenticate(request._request, **LOGIN.run_validation(self.json()))
        self.annotate(user_id=user.pk)
        sessions.log_in(request._request, user)
        return self.respond(204, None)

    @endpoint(
        messages=messages(failed="Login failed"),
        responses={204: None},
        errors=(Forbidden(CROSS_SITE),),
        headers=("Set-Cookie",),
    )
    def delete(self, request: Request) -> HttpResponse:
        """End the session of the cookie, if there is one."""
        if user := sessions.read_user(request._request):
            self.annotate(user_id=user.pk)
        logout(request._request)
        return self.respond(204, None)

    def perform_authentication(self, request: Request) -> None:
        """Refuse pages of other sites, which would log a browser in as somebody else.

        Without a Content-Type they can post JSON unasked. They do not use up the rate limit.
        """
        if is_cross_site(request._request):
            raise Forbidden(CROSS_SITE)
        super().perform_authentication(request)
