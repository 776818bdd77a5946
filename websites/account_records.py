"""What the main database holds about an account, beside its events"""

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core import signing
from django.db.models import Model, Q, QuerySet

from config.models import SettingChange
from websites.models import Annotation, Funnel, Goal, RetiredCode, Segment, Share, User, Website

OF_WEBSITES: tuple[type[Model], ...] = (
    RetiredCode,
    Goal,
    Funnel,
    Segment,
    Share,
    Annotation,
)
DELETED = "deleted user"  # in place of a name
# Who has done what deleted users did; at a host under which nobody can register.
NOBODY = "nobody@localhost"
SESSIONS = 1_000  # that are read at once


def records_of(user: User) -> "list[QuerySet[Any]]":
    """Return the rows that an account has.

    Those of the last two, the log of the admin and the history of settings, stay without the name.
    """
    account, websites = User.objects.filter(pk=user.pk), Website.objects.owned_by(user.pk)
    of_websites = [each._default_manager.filter(website__user=user) for each in OF_WEBSITES]
    log = LogEntry.objects.filter(Q(user=user) | _about(user) | _names(user)).order_by("pk")
    return [account, websites, *of_websites, log, _changes_of(user)]


def login_sessions(user_id: UUID) -> Iterator[str]:
    """Yield the keys of the login sessions of a user; all sessions are read for it."""
    last = ""
    while rows := _sessions_after(last):
        for key, data in rows:
            if _user_of(data) == str(user_id):
                yield key
        last = rows[-1][0]


def forget_name(user: User) -> None:
    """Take the name of a user, and of the websites, out of what stays; within a transaction."""
    LogEntry.objects.filter(_about(user)).update(object_repr=DELETED, object_id=None)
    if LogEntry.objects.filter(user=user).exists():
        LogEntry.objects.filter(user=user).update(user=_nobody())
    for entry in LogEntry.objects.filter(_names(user)).iterator():
        entry.object_repr = _without(user, entry.object_repr)
        entry.change_message = _without(user, entry.change_message)
        entry.save(update_fields=["object_repr", "change_message"])
    for change in _changes_of(user).iterator():
        change.changed_by = _without(user, change.changed_by)
        change.reason = _without(user, change.reason)
        change.save(update_fields=["changed_by", "reason"])


def _sessions_after(key: str) -> list[tuple[str, str]]:
    rows = Session.objects.filter(session_key__gt=key).order_by("session_key")
    return list(rows.values_list("session_key", "session_data")[:SESSIONS])


def _user_of(data: str) -> Any:
    """Return the user in the data of a login session, whether its signature is good any more."""
    packed = data.partition(":")[0]
    try:
        text = signing.b64_decode(packed.removeprefix(".").encode())
        text = zlib.decompress(text) if packed.startswith(".") else text
        return json.loads(text).get(SESSION_KEY)
    except (ValueError, AttributeError, zlib.error):
        return None


def _about(user: User) -> Q:
    websites = [str(id) for id in user.websites.values_list("pk", flat=True)]
    found = Q(content_type=_type(User), object_id=str(user.pk))
    return found | Q(content_type=_type(Website), object_id__in=websites)


def _names(user: User) -> Q:
    return Q(object_repr__iregex=_email(user)) | Q(change_message__iregex=_email(user))


def _changes_of(user: User) -> "QuerySet[SettingChange]":
    named = Q(changed_by__iregex=_email(user)) | Q(reason__iregex=_email(user))
    return SettingChange.objects.filter(named)


def _without(user: User, text: str) -> str:
    return re.sub(_email(user), DELETED, text, flags=re.IGNORECASE)


def _email(user: User) -> str:
    """Return a pattern of the email of a user, which may be a part of that of another."""
    return rf"(?<![\w.+%-]){re.escape(user.email)}(?![\w-]|\.\w)"


def _type(model: type[Model]) -> ContentType:
    return ContentType.objects.get_for_model(model)


def _nobody() -> User:
    user, _ = User.objects.get_or_create(
        email=NOBODY, defaults={"name": DELETED, "is_active": False, "password": "!"}
    )
    return user
