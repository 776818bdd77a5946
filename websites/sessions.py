"""Login sessions of browsers: Django's own, in the main database."""

import re
import threading
from typing import Any

from cachetools import LRUCache
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, login
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.db import connections
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from config.db.routers import MAIN
from websites.models import User

CACHE_SIZE = 10_000
_KEY = re.compile(r"[a-z0-9]{8,40}")
_STATE = (
    f"SELECT session.session_data, account.password FROM {Session._meta.db_table} session, "
    f"{User._meta.db_table} account WHERE session.session_key = %s "
    "AND session.expire_date > now() AND account.id = %s AND account.is_active"
)
# Session data and password hash of a user, which must not have changed; None for a session that
# has expired or a user who is not active.
_State = tuple[str, str] | None

_users: LRUCache[str, tuple[User, _State]] = LRUCache(CACHE_SIZE)
_lock = threading.Lock()  # an LRUCache is not safe for threads


class SessionStore(DatabaseSessionStore):
    """Django's sessions in the database, with a stricter form of keys."""

    def _validate_session_key(self, key: Any) -> bool:
        # A quoted cookie can hold a NUL, which PostgreSQL refuses as a parameter.
        return bool(key and _KEY.fullmatch(key))


def log_in(request: HttpRequest, user: User) -> None:
    """Log a user in under a new session key; end the session of the cookie, if any.

    Django alone would keep the key of a session of the same user.
    """
    request.session.flush()
    login(request, user)
    if settings.CSRF_COOKIE_NAME not in request.COOKIES:
        # There is no CSRF token yet that would have to change: send no second cookie.
        request.META.pop("CSRF_COOKIE_NEEDS_UPDATE", None)


def user_of(request: HttpRequest) -> User | None:
    """Return the active user of a request's session, None where there is none.

    Reading both takes two queries and decodes the session. The result is cached and used for as
    long as one plain query, made for each request, finds session and user unchanged: a third of the
    time.
    """
    if not hasattr(request, "session"):  # a route of the APIs that sets no cookie
        request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    key = request.session.session_key
    if key is None:
        return None
    with _lock:
        cached, state = _users.get(key, (None, None))
    if cached and state and state == _state_of(key, cached):
        return cached
    user = read_user(request)
    if user is None:
        return None
    state = _state_of(key, user)
    if state and state[1] == user.password:  # it has not been changed between the queries
        with _lock:
            _users[key] = user, state
    return user


def read_user(request: HttpRequest) -> User | None:
    """Return the active user of a request's session, read anew, None where there is none.

    Unlike Django's, this writes nothing: a session from before a rotation of SECRET_KEY keeps its
    key, which other requests use at the same time, some of which could set no cookie.
    """
    session = request.session
    user_id, signed = session.get(SESSION_KEY), session.get(HASH_SESSION_KEY, "")
    user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    if user is None:
        return None
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return user if any(constant_time_compare(signed, each) for each in hashes) else None


def user_of_key(key: str) -> User | None:
    """Return the active user of the session that a key names, None where there is none."""
    request = HttpRequest()
    request.session = SessionStore(key)
    return user_of(request)


def reset() -> None:
    with _lock:
        _users.clear()


def _state_of(key: str, user: User) -> _State:
    with connections[MAIN].cursor() as cursor:
        cursor.execute(_STATE, [key, user.pk])
        state: _State = cursor.fetchone()
    return state
