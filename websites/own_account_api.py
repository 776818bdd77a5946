"""The accounts API about one's own account: password, email, all logins, deletion."""

from typing import Any, ClassVar

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from config.api import registry
from config.api.dialects.base import Messages
from config.api.errors import Conflict, Forbidden, InvalidCredentials
from config.api.fields import Text
from config.api.rules import at_least
from config.api.serializers import StrictSerializer
from config.api.view import ApiView, endpoint
from websites import accounts, email_confirmation, tokens
from websites.accounts_responses import Deleted, Email, LinkSent, Refreshed, Tokens
from websites.authentication import BearerAuthentication, caller_of
from websites.login_throttle import LOGIN_LIMIT
from websites.models import User

WRONG = "Wrong password"
MESSAGES = Messages(invalid="Invalid request body")
LIMITED: Any = {"authentication": BearerAuthentication, "rate": LOGIN_LIMIT, "messages": MESSAGES}


class ConfirmSerializer(StrictSerializer):
    """The present password, before something that nobody else may do."""

    password = Text(at_least(1, "Password is required"))

    example: ClassVar[Any] = {"password": "SecurePass123"}


class PasswordSerializer(ConfirmSerializer):
    """The present password and a new one."""

    newPassword = Text(*accounts.PASSWORD_RULES)

    example: ClassVar[Any] = {"password": "SecurePass123", "newPassword": "BetterPass456"}


CONFIRM, PASSWORD = ConfirmSerializer(), PasswordSerializer()


class OwnAccountView(ApiView):
    """The base of the views that ask for the password again."""

    api = registry.ACCOUNTS

    def confirmed_user(self, request: Request, password: str) -> User:
        """Return the user of the token; raise Forbidden unless the password is the right one."""
        user = accounts.active_user(caller_of(request).user_id)
        try:
            return accounts.authenticate(request._request, email=user.email, password=password)
        except InvalidCredentials as error:
            raise Forbidden(WRONG) from error


class PasswordView(OwnAccountView):
    """/api/v1/auth/password"""

    @endpoint(
        **LIMITED,
        request=PASSWORD,
        responses={200: Refreshed},
        errors=(Forbidden(WRONG), Conflict(accounts.CHANGED)),
    )
    def post(self, request: Request) -> HttpResponse:
        """Change the password; all sessions and tokens end but the new ones of the response."""
        sent = PASSWORD.run_validation(self.json())
        user = self.confirmed_user(request, sent["password"])
        accounts.renew_generation(user, sent["newPassword"])
        return self.respond(200, Refreshed(Tokens.of(tokens.issue(user))))


class LogOutEverywhereView(OwnAccountView):
    """/api/v1/auth/logout-everywhere"""

    @endpoint(
        **LIMITED,
        request=CONFIRM,
        responses={200: Refreshed},
        errors=(Forbidden(WRONG), Conflict(accounts.CHANGED)),
    )
    def post(self, request: Request) -> HttpResponse:
        """End all sessions and tokens but the new ones of the response."""
        sent = CONFIRM.run_validation(self.json())
        user = self.confirmed_user(request, sent["password"])
        accounts.renew_generation(user, sent["password"])
        return self.respond(200, Refreshed(Tokens.of(tokens.issue(user))))


class DeleteAccountView(OwnAccountView):
    """/api/v1/auth/delete"""

    @endpoint(
        **LIMITED,
        request=CONFIRM,
        responses={200: Deleted},
        errors=(Forbidden(WRONG), Forbidden(accounts.LAST_ADMIN)),
    )
    def post(self, request: Request) -> HttpResponse:
        """Delete the account with all its websites."""
        sent = CONFIRM.run_validation(self.json())
        websites = accounts.delete(self.confirmed_user(request, sent["password"]))
        return self.respond(200, Deleted(websites))


class EmailView(ApiView):
    """/api/v1/auth/email"""

    api = registry.ACCOUNTS

    @endpoint(authentication=BearerAuthentication, messages=MESSAGES, responses={200: Email})
    def get(self, request: Request) -> HttpResponse:
        """Tell whether the email of the account is confirmed."""
        user = accounts.active_user(caller_of(request).user_id)
        return self.respond(200, Email(user.email, user.is_email_confirmed))

    @endpoint(**LIMITED, responses={202: LinkSent})
    def post(self, request: Request) -> HttpResponse:
        """Send a link that confirms the email."""
        user = accounts.active_user(caller_of(request).user_id)
        email_confirmation.send_link(request._request, user)
        return self.respond(202, LinkSent())


urlpatterns = [
    path("api/v1/auth/password", PasswordView.as_view()),
    path("api/v1/auth/logout-everywhere", LogOutEverywhereView.as_view()),
    path("api/v1/auth/delete", DeleteAccountView.as_view()),
    path("api/v1/auth/email", EmailView.as_view()),
]
