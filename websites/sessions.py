"""Sessions of browsers: Django's own, in the main database."""

import re
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.http import HttpRequest

from websites.models import User

_KEY = re.compile(r"[a-z0-9]{8,40}")


class SessionStore(DatabaseSessionStore):
    """Sessions of which a cookie may name only such that can be there."""

    def _validate_session_key(self, key: Any) -> bool:
        # PostgreSQL looks for no text with a NUL, which a quoted cookie can hold.
        return bool(key and _KEY.fullmatch(key))


def begin(request: HttpRequest, user: User) -> None:
    """Begin a session with a new key; the one of the cookie, if any, ends.

    Django alone would go on with the key of a session of the same user.
    """
    request.session.flush()
    login(request, user)
    if settings.CSRF_COOKIE_NAME not in request.COOKIES:
        # Nobody has seen a token yet that would have to change; no second cookie, then.
        request.META.pop("CSRF_COOKIE_NEEDS_UPDATE", None)
