"""The user, session and project of a request, from its credentials, its path and its view."""

import re
import time
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, Self

from django.db import DatabaseError, InterfaceError

from activity.facts import RequestFacts
from config.api.errors import InvalidCredentials
from websites import sessions, tokens

MAX_ID_LENGTH = 128
MAX_CACHED_LENGTH = 512  # of a path, which a client may make as long as 64 kB
# Who reads rows must not get what they open.
TOKENS = re.compile(
    r"(?<=^/share/)[^/]+|(?<=^/accounts/reset/)[^/]+/[^/]+|(?<=^/accounts/email/)[^/]+"
)
RETRY_SECONDS = 1.0
_asks_again_at = 0.0  # when the main database, which has failed, may be asked again


class Attribution(NamedTuple):
    """The ids of a user, a session and a project, as text; None for what is not known."""

    user_id: str | None = None
    session_id: str | None = None
    project_id: str | None = None

    @property
    def actor_type(self) -> str:
        if self.session_id:
            return "anonymous_session"
        return "authenticated_user" if self.user_id else "anonymous"


class PathFacts(NamedTuple):
    """A path as text that can be stored, and what its segments name."""

    text: str
    session_id: str | None
    project_id: str | None
    step: str | None

    @classmethod
    def of(cls, path: str) -> Self:
        path = stored_text(TOKENS.sub("[token]", path, count=1))
        session_id, project_id = text_of(_session_in(path)), text_of(_project_in(path))
        return cls(path, session_id, project_id, _step_in(path))


_facts_of_short = lru_cache(maxsize=256)(PathFacts.of)  # most requests are for one of a few


def path_facts(path: str) -> PathFacts:
    """Return what the path of a request names."""
    return _facts_of_short(path) if len(path) <= MAX_CACHED_LENGTH else PathFacts.of(path)


def attribution_of(facts: RequestFacts) -> Attribution:
    """Return the attribution of a request, once its view is done."""
    annotated, path = facts.annotations, path_facts(facts.path)
    return Attribution(
        user_id=text_of(annotated.get("user_id") or _user_id_of(facts)),
        session_id=text_of(annotated.get("session_id")) or path.session_id,
        project_id=text_of(annotated.get("project_id")) or path.project_id,
    )


def reset() -> None:
    """Forget that the main database has failed, as in a new process."""
    global _asks_again_at
    _asks_again_at = 0.0


def text_of(id: Any) -> str | None:
    """Return an id of any type as the text that is stored."""
    return None if id is None else stored_text(str(id))[:MAX_ID_LENGTH]


def stored_text(text: str) -> str:
    """Replace NUL and lone surrogates, which PostgreSQL refuses in a text."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _step_in(path: str) -> str | None:
    """Return the segment after a `step` of a path, the last that has one; None without any."""
    pairs = pairwise(path.split("/"))
    steps = [after for segment, after in pairs if segment == "step" and after]
    return steps[-1] if steps else None


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


def _user_id_of(facts: RequestFacts) -> object:
    """Return the id of the user of a bearer token, or without one of a login session."""
    global _asks_again_at
    if not (facts.authorization or facts.session_key) or time.monotonic() < _asks_again_at:
        return None
    try:
        if facts.authorization:
            scheme, _, token = facts.authorization.partition(" ")
            is_bearer = scheme.lower() == "bearer"
            return tokens.verify(token.strip(), by_signature=True).user_id if is_bearer else None
        user = sessions.user_of_key(facts.session_key)
        return user and user.pk
    except InvalidCredentials:
        return None
    except (DatabaseError, InterfaceError):
        _asks_again_at = (
            time.monotonic() + RETRY_SECONDS
        )  # else every request would wait for its failure
    return None
