"""Client contexts: what the request of a browser tells of it, once per session and process.

A page's script cannot tell the country of its visitor, nor reliably the browser. What requests tell
is stored beside the first event of a session that a process sees, in the same transaction. Only
browsers are asked, which send an `Origin`: the User-Agent and the address of a server that forwards
events are not those of a visitor.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec
from django.http import HttpRequest

from analytics.events.models import ClientContextRow, EventRow, EventType
from analytics.sessions import bots, visitors
from analytics.sessions.user_agents import agent_of
from config.api.client_address import client_address
from config.db import uuid7

MAX_REMEMBERED = 50_000  # sessions, twice: of each some 100 bytes
MAX_HEADER_LENGTH = 100  # of Accept-Language, as much as is read and remembered
PAGEVIEW = EventType.PAGEVIEW.value

_LANGUAGE = re.compile(r"\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3})\s*(?:[,;]|\Z)", re.ASCII)
_SCREEN = re.compile(rb'"([1-9][0-9]{0,4}x[1-9][0-9]{0,4})"')


class _Properties(msgspec.Struct):
    """What of an event's properties is looked at, as the JSON that came."""

    screen: msgspec.Raw = msgspec.Raw()


_properties = msgspec.json.Decoder(_Properties)
# Sessions by the hash of website and id, and whether a page view has been seen of them. When the
# recent ones are too many, the others are forgotten. Threads need no lock: a session that two of
# them take for new has two contexts.
_recent: dict[int, bool] = {}
_others: dict[int, bool] = {}


def first_events(request: HttpRequest, rows: Sequence[EventRow]) -> list[EventRow]:
    """Return the events that bring a context: the first of each session, and its first page view.

    Only the page view tells the screen.
    """
    if "HTTP_ORIGIN" not in request.META:
        return []
    found: dict[int, bool] = {}
    first = []
    for row in rows:
        key = _key(row)
        has_view = found.get(key)
        if has_view is None:
            has_view = _recent.get(key)
        if has_view is None:
            has_view = _others.get(key)
        if not has_view and (has_view is None or row.event_type == PAGEVIEW):
            found[key] = row.event_type == PAGEVIEW
            first.append(row)
    return first


def contexts_of(request: HttpRequest, rows: Sequence[EventRow]) -> list[ClientContextRow]:
    """Return the contexts of the sessions of events that came in a request."""
    if not rows:
        return []
    user_agent = request.META.get("HTTP_USER_AGENT", "")
    agent = agent_of(user_agent)
    place = visitors.place_of(client_address(request))
    return [
        ClientContextRow(
            id=uuid7.new_id(uuid7.ms_of(row.id)),
            created_at=row.created_at,
            website_id=row.website_id,
            session_id=row.session_id,
            country=place.country_code,
            region=place.region,
            city=place.city,
            browser=agent.browser,
            browser_version=agent.browser_version,
            os=agent.os,
            os_version=agent.os_version,
            device=agent.device,
            language=language_of(request.META.get("HTTP_ACCEPT_LANGUAGE", "")),
            screen=_screen_of(row),
            is_bot=bots.is_bot(user_agent),
        )
        for row in rows
    ]


def forget(rows: Sequence[EventRow]) -> None:
    """Let the next events of the sessions of events, which were not stored, bring a context."""
    for row in rows:
        _recent.pop(_key(row), None)
        _others.pop(_key(row), None)


def remember(rows: Sequence[EventRow]) -> None:
    """Store no more contexts of the sessions of events."""
    global _recent, _others
    if len(_recent) + len(rows) > MAX_REMEMBERED:
        _recent, _others = {}, _recent
    for row in rows:
        _recent[_key(row)] = row.event_type == PAGEVIEW


def reset() -> None:
    _recent.clear()
    _others.clear()


def language_of(header: str) -> str | None:
    """Return the first language of an Accept-Language, such as de-AT."""
    return _language_of(header[:MAX_HEADER_LENGTH])


@lru_cache(maxsize=1024)
def _language_of(header: str) -> str | None:
    match = _LANGUAGE.match(header)
    if match is None:
        return None
    language, *subtags = match[1].lower().split("-")
    return "-".join([language, *map(_subtag, subtags)])


def _subtag(text: str) -> str:
    """Return a subtag as it is usually written: Hant, AT, 1996."""
    if len(text) == 4 and text.isalpha():
        return text.title()
    return text.upper() if len(text) == 2 else text


def _screen_of(row: EventRow) -> str | None:
    if row.event_type != PAGEVIEW or not row.properties or "screen" not in row.properties:
        return None
    match = _SCREEN.fullmatch(_properties.decode(row.properties).screen)
    return match[1].decode() if match else None


def _key(row: EventRow) -> int:
    return hash((row.website_id, row.session_id))
