"""Client contexts on their way: what a session was seen on, as files have it"""

from functools import lru_cache
from typing import Annotated, Self
from uuid import UUID

import msgspec
from cachetools import LRUCache
from msgspec import Meta, Struct

from analytics.events.client_contexts import language_of
from analytics.events.models import ClientContextRow, DeviceType, EventRow
from analytics.sessions.user_agents import Agent
from analytics.sessions.visitors import Place
from config.db import uuid7

MAX_LENGTH = 255
MAX_REMEMBERED = 50_000  # sessions; a further context of one that is forgotten does no harm
_Name = Annotated[str, Meta(min_length=1, max_length=MAX_LENGTH, pattern=r"\A[^\0]*\Z")]


class Context(Struct, rename="camel", omit_defaults=True):
    """What the browser of a session sent; its id has the time of the event that it came with.

    Without an id it gets the one of the session at that time.
    """

    id: UUID | None = None
    country: Annotated[str, Meta(pattern=r"\A[A-Z]{2}\Z")] | None = None
    region: _Name | None = None
    city: _Name | None = None
    browser: _Name | None = None
    browser_version: _Name | None = None
    os: _Name | None = None
    os_version: _Name | None = None
    device: Annotated[str, Meta(pattern=rf"\A(?:{'|'.join(DeviceType.values)})\Z")] | None = None
    language: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9-]{1,35}\Z")] | None = None
    screen: Annotated[str, Meta(pattern=r"\A[1-9][0-9]{0,4}x[1-9][0-9]{0,4}\Z")] | None = None
    is_bot: bool = False

    @classmethod
    def of(cls, row: ClientContextRow) -> Self:
        return cls(**{name: getattr(row, name) for name in cls.__struct_fields__})

    @classmethod
    def made(cls, **values: str | None) -> Self:
        """Return a context of what another service tells; what no column may hold is left out."""
        values["language"] = language_of(values.get("language") or "")
        context = cls()
        for name, value in values.items():
            text = (value or "").replace("\0", "").strip()[:MAX_LENGTH]
            if text and _may_hold(name, text):
                setattr(context, name, text)
        return context

    def is_of(self, event_id: UUID) -> bool:
        """Return whether its id, if it has one, is one of the time of an event."""
        ms = uuid7.ms_of(event_id)
        return self.id is None or (self.id.version == 7 and uuid7.ms_of(self.id) == ms)

    def row_beside(self, event: EventRow) -> ClientContextRow:
        """Return the row that is stored beside an event of the session."""
        website, session = event.website_id, event.session_id
        id = self.id or uuid7.hashed_id(uuid7.ms_of(event.id), "context", website.hex, session)
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        own = {"created_at": event.created_at, "website_id": website, "session_id": session}
        return ClientContextRow(**values | own | {"id": id})


class FirstEvents:
    """Which events are the first of their sessions, as far as some thousand are remembered."""

    def __init__(self) -> None:
        self._seen: LRUCache[str, bool] = LRUCache(MAX_REMEMBERED)

    def is_first(self, session_id: str) -> bool:
        is_known = self._seen.get(session_id, False)
        self._seen[session_id] = True
        return not is_known


def of_agent(agent: Agent, place: Place) -> Context:
    """Return the context that a User-Agent and an address tell."""
    return Context.made(
        country=place.country_code,
        region=place.region,
        city=place.city,
        browser=agent.browser,
        browser_version=agent.browser_version,
        os=agent.os,
        os_version=agent.os_version,
        device=agent.device,
    )


@lru_cache(maxsize=4096)
def _may_hold(name: str, text: str) -> bool:
    try:
        msgspec.convert({_ENCODED[name]: text}, Context)
    except msgspec.ValidationError:
        return False
    return True


_ENCODED = dict(zip(Context.__struct_fields__, Context.__struct_encode_fields__, strict=True))
