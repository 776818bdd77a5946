"""Sessions of browsers: Django's own, in the main database."""

import re
import threading
from typing import Any

from cachetools import LRUCache
from django.conf import settings
from django.contrib.auth import get_user, login
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.db import connections
from django.http import HttpRequest

from config.db.routers import MAIN
from websites.models import User

MAX_REMEMBERED = 10_000
_KEY = re.compile(r"[a-z0-9]{8,40}")
_STATE = (
    f"SELECT session.session_data, account.password FROM {Session._meta.db_table} session, "
    f"{User._meta.db_table} account WHERE session.session_key = %s "
    "AND session.expire_date > now() AND account.id = %s AND account.is_active"
)
_State = tuple[str, str] | None  # data of a session and password of its user, while both are good

_known: LRUCache[str, tuple[User, _State]] = LRUCache(MAX_REMEMBERED)
_remembering = threading.Lock()


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


def user_of(request: HttpRequest) -> User | None:
    """Return the active user of a request's session, None where there is none.

    What Django found out with two queries stands for as long as one plain query, made for each
    request, finds session and user as they were: it costs a third of the time.
    """
    key = request.session.session_key
    if key is None:
        return None
    with _remembering:
        known, state = _known.get(key, (None, None))
    if known and state and state == _state_of(key, known):
        return known
    user = get_user(request)
    if not isinstance(user, User):
        return None
    state = _state_of(key, user)
    if state and state[1] == user.password:  # it has not been changed between the queries
        with _remembering:
            _known[key] = user, state
    return user


def _state_of(key: str, user: User) -> _State:
    with connections[MAIN].cursor() as cursor:
        cursor.execute(_STATE, [key, user.pk])
        found: _State = cursor.fetchone()
    return found
