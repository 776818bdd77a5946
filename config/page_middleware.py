"""Django's login sessions, CSRF checks and messages: for pages, since APIs have tokens.

They cost a single post a quarter of its time.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest, HttpResponseBase
from django.middleware import csrf
from django.utils.deprecation import MiddlewareMixin

from config.api.cors import lives_by_cookie


class PagesOnly(MiddlewareMixin):
    """Lets requests to the APIs pass."""

    get_response: Callable[[HttpRequest], HttpResponseBase]

    def __call__(self, request: HttpRequest) -> Any:
        serves = self.serves(request.path_info)
        return super().__call__(request) if serves else self.get_response(request)

    def serves(self, path: str) -> bool:
        return not path.startswith("/api/")


class PagesAndCookies(PagesOnly):
    """Serves routes of the APIs, too, that live by the cookie of a login session."""

    def serves(self, path: str) -> bool:
        return super().serves(path) or lives_by_cookie(path)


class SessionMiddleware(PagesAndCookies, sessions.SessionMiddleware):
    """Django's own."""


class CsrfViewMiddleware(PagesAndCookies, csrf.CsrfViewMiddleware):
    """Django's own; it checks no view of the APIs, but gives a login a new token."""


class MessageMiddleware(PagesOnly, messages.MessageMiddleware):
    """Django's own."""
