"""The user of a request for a page."""

from typing import Any

from django.contrib.auth import middleware as auth
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from config.page_middleware import PagesOnly
from websites import sessions


class AuthenticationMiddleware(PagesOnly, auth.AuthenticationMiddleware):
    """Django's, with the user that our sessions name."""

    def process_request(self, request: HttpRequest) -> None:
        user: Any = SimpleLazyObject(lambda: sessions.read_user(request) or AnonymousUser())
        request.user = user
