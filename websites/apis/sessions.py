"""Sessions of browsers: the cookie that collect needs, for who can log in."""

from django.contrib.auth import get_user, logout
from django.http import HttpResponse
from rest_framework.request import Request

from config.dialects import events
from config.endpoints import DialectView, endpoint
from websites import accounts, sessions
from websites.apis.accounts import LOGIN, words


class SessionView(DialectView):
    """/api/v1/auth/session"""

    dialect = events.DIALECT

    @endpoint(rate="RATE_AUTH", words=words(failed="Login failed"))
    def post(self, request: Request) -> HttpResponse:
        user = accounts.prove(**LOGIN.to_internal_value(self.json()))
        self.note(user_id=user.pk)
        sessions.begin(request._request, user)
        return no_content()

    @endpoint(words=words(failed="Login failed"))
    def delete(self, request: Request) -> HttpResponse:
        user = get_user(request._request)  # DRF has put its own, nobody, into the request
        if user.is_authenticated:
            self.note(user_id=user.pk)
        logout(request._request)
        return no_content()


def no_content() -> HttpResponse:
    """Return a success that says nothing but its headers."""
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response
