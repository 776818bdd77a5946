"""The facts of a session, made of all its events and client contexts

They are a function of these alone, so that they can be made anew whenever an event comes late. Its
hits are its events but for the reserved ones, whose names begin with `$`. Events before the first
hit tell nothing.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from analytics.events.models import ClientContextRow, EventRow, EventType
from analytics.reports.facts.channels import channel_of
from analytics.reports.facts.pages import PageRules, page_of
from analytics.reports.facts.sources import host_name, parameters_of, source_of
from config.db import uuid7

VERSION = 1  # one more makes all sessions anew, whenever their facts have changed
# Letters of `SessionFacts.types`.
VIEW, CUSTOM, OUTBOUND, DOWNLOAD, CLICK = "pcodl"
LINKS = {"outbound": OUTBOUND, "download": DOWNLOAD}
ENGAGEMENT = "$engagement"
MAX_HITS = 1_000  # of a session; what is counted is counted of all
MAX_SECONDS = 86_400  # of a page view: longer ones are no truth
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What the facts of a website's sessions depend on besides their events."""

    page_rules: PageRules
    own_hosts: frozenset[str]  # as `host_name` spells them


@dataclass(slots=True)
class Hit:
    """An event that counts.

    name: of a custom event, or the address that an outbound link or a download leads to.
    seconds, scroll: of a page view: how long it was in use, and its deepest per cent, if known.
    """

    type: str
    id: UUID
    visitor_id: str
    page: str
    host: str | None
    name: str | None = None
    seconds: int | None = None
    scroll: int | None = None


class Client(NamedTuple):
    """What a session was seen on, and where."""

    country: str | None
    region: str | None
    city: str | None
    browser: str | None
    browser_version: str | None
    os: str | None
    os_version: str | None
    device: str | None
    language: str | None
    screen: str | None
    is_bot: bool


@dataclass(slots=True)
class SessionFacts:
    """What is known of a session with at least one hit.

    hits: in order, at most MAX_HITS of them. page_views and custom_events count all.
    source: None is direct. utm: a value for each name of UTM.
    """

    started_at: datetime
    ended_at: datetime
    page_views: int
    custom_events: int
    engaged_seconds: int
    entry_page: str | None
    exit_page: str | None
    hostname: str | None
    source: str | None
    channel: str
    referrer: str | None
    utm: tuple[str | None, ...]
    client: Client
    hits: list[Hit]
    is_truncated: bool

    @property
    def types(self) -> str:
        return "".join(hit.type for hit in self.hits)


class _Properties(msgspec.Struct):
    """What of an event's properties is looked at, as the JSON that came."""

    name: msgspec.Raw = msgspec.Raw()
    kind: msgspec.Raw = msgspec.Raw()
    href: msgspec.Raw = msgspec.Raw()
    page: msgspec.Raw = msgspec.Raw()
    seconds: msgspec.Raw = msgspec.Raw()
    scroll: msgspec.Raw = msgspec.Raw()


_properties = msgspec.json.Decoder(_Properties)
_string, _float = msgspec.json.Decoder(str), msgspec.json.Decoder(float)
_NOTHING = _Properties()


def facts_of(
    events: Sequence[EventRow], contexts: Sequence[ClientContextRow], rules: SiteRules
) -> SessionFacts | None:
    """Return the facts of the events of one session, None if it has no hit; in any order."""
    ordered = sorted(events, key=lambda event: event.id.int)
    hits = _Hits(rules)
    for event in ordered:
        hits.add(event)
    if not hits.all:
        return None
    start = hits.all[0].id.int
    ordered = [event for event in ordered if event.id.int >= start]
    views = [hit for hit in hits.all if hit.type == VIEW]
    first = hits.first_event(ordered)
    parameters = parameters_of(first.url)
    source = source_of(first.url, first.referrer, rules.own_hosts)
    return SessionFacts(
        started_at=uuid7.time_of(hits.all[0].id),
        ended_at=ordered[-1].created_at,
        page_views=len(views),
        custom_events=sum(hit.type == CUSTOM for hit in hits.all),
        engaged_seconds=sum(view.seconds or 0 for view in views),
        entry_page=views[0].page if views else None,
        exit_page=views[-1].page if views else None,
        hostname=host_name(first.url),
        source=source.name,
        channel=channel_of(source, parameters),
        referrer=_foreign_host(first, rules),
        utm=tuple(parameters.get(name) for name in UTM),
        client=client_of(ordered, contexts),
        hits=hits.all[:MAX_HITS],
        is_truncated=len(hits.all) > MAX_HITS,
    )


@dataclass(slots=True)
class _Hits:
    """The hits of a session, as its events come."""

    rules: SiteRules
    all: list[Hit] = field(default_factory=list)
    _views: dict[str, Hit] = field(default_factory=dict)  # the latest of each page, and each by id

    def add(self, event: EventRow) -> None:
        """Add an event, or what it tells of a page view before it."""
        if event.event_type == EventType.PAGEVIEW:
            hit = self._append(event, VIEW)
            self._views[hit.page] = self._views[str(hit.id)] = hit
            return
        properties = _read(event.properties)
        if event.event_type == EventType.CLICK:
            type = LINKS.get(_text(properties.kind) or "", CLICK)
            self._append(event, type, None if type == CLICK else _text(properties.href))
            return
        name = _text(properties.name)
        if name is None or not name.startswith("$"):
            self._append(event, CUSTOM, name)
        elif name == ENGAGEMENT:
            self._engage(event, properties)

    def first_event(self, events: Sequence[EventRow]) -> EventRow:
        """Return the event of the first page view, or else of the first hit."""
        first = next((hit for hit in self.all if hit.type == VIEW), self.all[0])
        return next(event for event in events if event.id == first.id)

    def _append(self, event: EventRow, type: str, name: str | None = None) -> Hit:
        page = page_of(event.url, self.rules.page_rules)
        hit = Hit(type, event.id, event.visitor_id, page, host_name(event.url), name)
        self.all.append(hit)
        return hit

    def _engage(self, event: EventRow, properties: _Properties) -> None:
        """Note for how long a page view was in use until now; each such event tells it in all."""
        view = self._views.get(_text(properties.page) or "")
        view = view or self._views.get(page_of(event.url, self.rules.page_rules))
        if view is None:
            return
        seconds, scroll = _number(properties.seconds), _number(properties.scroll)
        if seconds is not None:
            view.seconds = max(view.seconds or 0, min(seconds, MAX_SECONDS))
        if scroll is not None:
            view.scroll = max(view.scroll or 0, min(scroll, 100))


def client_of(events: Sequence[EventRow], contexts: Sequence[ClientContextRow]) -> Client:
    """Return what events, in their order, say of their client, and after them the contexts.

    Versions and places within a country are taken from contexts that agree with the rest.
    """
    ordered = sorted(contexts, key=lambda context: context.id.int)
    country = _first(country_code(event.location) for event in events) or _first(
        each.country for each in ordered
    )
    said: list[EventRow | ClientContextRow] = [*events, *ordered]
    browser, os = _first(each.browser for each in said), _first(each.os for each in said)
    there = [each for each in ordered if each.country == country]
    return Client(
        country=country,
        region=_first(each.region for each in there),
        city=_first(each.city for each in there),
        browser=browser,
        browser_version=_first(each.browser_version for each in ordered if each.browser == browser),
        os=os,
        os_version=_first(each.os_version for each in ordered if each.os == os),
        device=_first(each.device_type for each in events)
        or _first(each.device for each in ordered),
        language=_first(each.language for each in ordered),
        screen=_first(each.screen for each in ordered),
        is_bot=any(each.is_bot for each in ordered),
    )


def country_code(location: str | None) -> str | None:
    """Return the location of an event if it is the code of a country."""
    code = (location or "").strip()
    return code.upper() if len(code) == 2 and code.isascii() and code.isalpha() else None


def _foreign_host(event: EventRow, rules: SiteRules) -> str | None:
    host = host_name(event.referrer) if event.referrer else None
    is_own = host in rules.own_hosts or host == host_name(event.url)
    return None if is_own else host


def _first(values: Iterable[str | None]) -> str | None:
    return next(filter(None, values), None)


def _read(properties: str | None) -> _Properties:
    """Return the properties of an event; what no decoder accepts has none."""
    if not properties:
        return _NOTHING
    try:
        return _properties.decode(properties)
    except (msgspec.DecodeError, RecursionError):
        return _NOTHING


def _text(raw: msgspec.Raw) -> str | None:
    """Return a JSON text that is not empty, None for anything else."""
    try:
        return _string.decode(raw).replace("\0", "\ufffd") or None
    except msgspec.DecodeError:
        return None


def _number(raw: msgspec.Raw) -> int | None:
    """Return a JSON number from 0 on, its fraction cut off, None for anything else."""
    try:
        number = _float.decode(raw)
    except msgspec.DecodeError:
        return None
    return int(number) if math.isfinite(number) and number >= 0 else None
