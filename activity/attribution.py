"""Whom and what a request is about, as its credentials, its path and its view tell."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest

from config.api.errors import InvalidCredentials
from config.api.view import annotations
from websites import tokens

MAX_ID_LENGTH = 128
RETRY_SECONDS = 1.0
_asks_again_at = 0.0  # the main database, which has failed


@dataclass(frozen=True, slots=True)
class Attribution:
    """A user, a session and a project, each as text; None for what is not known."""

    user_id: str | None = None
    session_id: str | None = None
    project_id: str | None = None

    @property
    def actor_type(self) -> str:
        """Who acts, as far as that is known."""
        if self.session_id:
            return "anonymous_session"
        return "authenticated_user" if self.user_id else "anonymous"


def attribution_of(request: HttpRequest) -> Attribution:
    """Return whom and what a request is about, once its view is done."""
    notes, path = annotations(request), stored_text(request.path_info)
    return Attribution(
        user_id=text_of(notes.get("user_id") or _user_id_of(request)),
        session_id=text_of(notes.get("session_id") or _session_in(path)),
        project_id=text_of(notes.get("project_id") or _project_in(path)),
    )


def reset() -> None:
    """Forget that the main database has failed, as in a new process."""
    global _asks_again_at
    _asks_again_at = 0.0


def text_of(id: Any) -> str | None:
    """Return an id of any kind as it is stored."""
    return None if id is None else stored_text(str(id))[:MAX_ID_LENGTH]


def stored_text(text: str) -> str:
    """Return a text without NUL and lone surrogates, which PostgreSQL does not take."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def step_in(path: str) -> str | None:
    """Return the segment of a path after a `step`, else None."""
    return _after_last("step", path.split("/"))


def _session_in(path: str) -> str | None:
    segments = path.split("/")
    if path.startswith("/api/v1/analytics/session/"):
        return segments[5] or None
    found = _after_last("sessions", segments)
    return None if found == "create" else found


def _project_in(path: str) -> str | None:
    segments = path.split("/")
    if path.startswith("/api/v1/websites/"):
        return segments[4] or None
    return _after_last("projects", segments)


def _after_last(name: str, segments: Sequence[str]) -> str | None:
    if name not in segments:
        return None
    before = len(segments) - 1 - segments[::-1].index(name)
    return "".join(segments[before + 1 : before + 2]) or None


def _user_id_of(request: HttpRequest) -> object:
    """Return the user of a valid bearer token, or without any of a valid session."""
    global _asks_again_at
    if time.monotonic() < _asks_again_at:
        return None
    try:
        if header := request.headers.get("Authorization"):
            scheme, _, token = header.partition(" ")
            return tokens.verify(token.strip()).user_id if scheme.lower() == "bearer" else None
        if settings.SESSION_COOKIE_NAME in request.COOKIES and hasattr(request, "session"):
            # The base of API views puts None in place of the user that Django would look up.
            return (getattr(request, "user", None) or auth.get_user(request)).pk
    except InvalidCredentials:
        return None
    except (DatabaseError, InterfaceError):
        _asks_again_at = time.monotonic() + RETRY_SECONDS  # threads must not queue up in vain
    return None
