"""Umami's page views and events, from version 2 on

https://umami.is/docs: its tables website_event, session and event_data. Umami's visit is a session
here, and its session, which lasts a month, is a visitor.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec import Raw

from analytics.moving import umami_tables
from analytics.moving.client_contexts import Context, FirstEvents
from analytics.moving.records import (
    Broken,
    BrokenLine,
    Found,
    Left,
    Target,
    UnreadableFile,
    read_each,
    record,
    require_event_time,
)
from analytics.moving.scratch import Scratch, Values, scratch
from analytics.moving.umami_tables import COLUMNS, DATA, EVENTS, SESSIONS
from analytics.moving.unread_columns import UnreadColumns
from config.api.timestamps import NotADate, parse_date
from config.api.web_urls import is_url
from config.db import uuid7

ANOTHER_WEBSITE = "of other websites of Umami"
OTHER_TYPE = "of links, pixels and web vitals, which are no events of pages"
PAGE_VIEW, CUSTOM = "1", "2"
BATCH = 10_000
MAX_DATA = 1_000  # of an event: Umami takes 50
BROWSERS = {
    "android": "Android",
    "chrome": "Chrome",
    "chromium-webview": "Chrome Mobile WebView",
    "crios": "Chrome Mobile iOS",
    "edge": "Edge",
    "edge-chromium": "Edge",
    "edge-ios": "Edge Mobile",
    "facebook": "Facebook",
    "firefox": "Firefox",
    "fxios": "Firefox iOS",
    "ie": "IE",
    "instagram": "Instagram",
    "ios": "Mobile Safari",
    "ios-webview": "Mobile Safari UI/WKWebView",
    "opera": "Opera",
    "opera-mini": "Opera Mini",
    "safari": "Safari",
    "samsung": "Samsung Internet",
    "yandexbrowser": "Yandex Browser",
}
SYSTEMS = {"Android OS": "Android", "Mac OS": "Mac OS X", "BlackBerry OS": "BlackBerry OS"}
DEVICES = {"laptop": "desktop"}


def read(paths: Sequence[str], target: Target) -> Iterator[Found]:
    """Yield the events of a dump, or of a CSV file for each table."""
    with scratch() as tables:
        websites: Counter[str] = Counter()
        for path in paths:
            yield from _load(path, tables, websites)
        website = _chosen(websites, target)
        tables.index()
        reader = _Reader(target, tables, website)
        for path in paths:
            rows = umami_tables.read(path, [EVENTS], Counter())
            yield from read_each(((row.place, row.values) for row in rows), reader.read)


def _load(path: str, tables: Scratch, websites: Counter[str]) -> Iterator[Broken | Left]:
    """Store the sessions and the data of events; count the events of each website.

    Yield what nothing reads, of whatever website it is.
    """
    others, unread = Counter[str](), UnreadColumns()
    waiting: dict[str, list[tuple[str, Values]]] = {SESSIONS: [], DATA: []}
    for place, table, values in umami_tables.read(path, [EVENTS, SESSIONS, DATA], others):
        if isinstance(values, BrokenLine):
            if table != EVENTS:  # those are read once more
                yield Broken(place, str(values))
            continue
        unread.count(table, values, COLUMNS[table])
        if table == EVENTS:
            websites[values.get("website_id", "")] += 1
            continue
        key = values.get("session_id" if table == SESSIONS else "website_event_id", "")
        waiting[table].append((key, values))
        if len(waiting[table]) >= BATCH:
            tables.add(table, waiting[table])
            waiting[table] = []
    for kind, rows in waiting.items():
        tables.add(kind, rows)
    yield from (Left(f"rows of the table {each}", rows) for each, rows in others.items())
    yield from unread.left()


def _chosen(websites: Counter[str], target: Target) -> str:
    """Return the website of Umami whose events are meant; raises UnreadableFile."""
    if not websites:
        raise UnreadableFile(
            f"No file has rows of the table {EVENTS}, as Umami has from version 2 on, "
            "in COPY statements or in CSV."
        )
    wanted = target.source_website
    if wanted is None and len(websites) == 1:
        [wanted] = websites
    if wanted is None or wanted not in websites:
        found = ", ".join(f"{id} ({count:,} events)" for id, count in websites.most_common(10))
        which = "one of several websites" if wanted is None else f"the website {wanted}"
        raise UnreadableFile(f"There are events of {found}: --source-website must name {which}.")
    return wanted


class _Reader:
    """Makes events of the rows of one website."""

    def __init__(self, target: Target, tables: Scratch, website: str) -> None:
        self._target, self._tables, self._website = target, tables, website
        self._first = FirstEvents()

    def read(self, place: str, values: Values) -> Found:
        if values.get("website_id") != self._website:
            return Left(ANOTHER_WEBSITE)
        if values.get("event_type") not in (PAGE_VIEW, CUSTOM):
            return Left(OTHER_TYPE)
        if missing := [name for name in ("event_id", "session_id") if not values.get(name)]:
            raise BrokenLine(f"Without {' and '.join(missing)}")
        ms = require_event_time(_ms(values.get("created_at", "")))
        visitor = values["session_id"]
        session = values.get("visit_id") or visitor
        is_first = self._first.is_first(session)
        about = self._about(visitor) if is_first or "hostname" not in values else {}
        id = uuid7.hashed_id(ms, self._target.website.pk.hex, "umami", values["event_id"])
        event = {
            "id": id,
            "eventType": "pageview" if values["event_type"] == PAGE_VIEW else "custom",
            "url": self._url(values, about.get("hostname", "")),
            "referrer": _referrer(values),
            "sessionId": session,
            "visitorId": visitor,
            "properties": self._properties(values, about, is_first=is_first),
        }
        return record(place, event, _context(about) if is_first else None)

    def _about(self, session_id: str) -> Values:
        """Return the row of Umami's session."""
        found = self._tables.find(SESSIONS, session_id, most=1)
        return found[0] if found else {}

    def _url(self, values: Values, hostname: str) -> str:
        host = values.get("hostname") or hostname
        return self._target.url_of(
            values.get("url_path", ""), host=host, query=values.get("url_query", "").lstrip("?")
        )

    def _properties(self, values: Values, about: Values, *, is_first: bool) -> dict[str, Any]:
        properties: dict[str, Any] = {"imported": "umami"}
        if values["event_type"] == CUSTOM:
            properties["name"] = values.get("event_name", "")
        if values.get("page_title"):
            properties["title"] = values["page_title"]
        if values.get("tag"):
            properties["tag"] = values["tag"]
        if is_first and values["event_type"] == PAGE_VIEW and about.get("screen"):
            properties["screen"] = about["screen"]
        data = self._tables.find(DATA, values["event_id"], most=MAX_DATA + 1)
        if len(data) > MAX_DATA:
            raise BrokenLine(f"More than {MAX_DATA:,} rows of event_data")
        for row in data:
            key = row.get("data_key", "")
            properties[f"data.{key}" if key in properties else key] = _value(row)
        return properties


def _value(row: Values) -> Any:
    """Return the value of a key of an event's data, a number with every digit."""
    text = row.get("string_value", "")
    match row.get("data_type"):
        case "2":  # a number
            return Raw(_number(row.get("number_value", text)).encode())
        case "3":  # a truth value
            return text == "true"
        case "4":  # a time
            return row.get("date_value", text)
        case "5":  # a list
            try:
                msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                return text
            return Raw(text.encode())
    return text


def _number(text: str) -> str:
    """Return a decimal number as JSON, without the zeros that its column adds."""
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise BrokenLine(f"Invalid number in event_data: {text:.50}") from error
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise BrokenLine(f"Invalid number in event_data: {text:.50}")
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _referrer(values: Values) -> str | None:
    domain = values.get("referrer_domain")
    if not domain:
        return None
    query = values.get("referrer_query", "").lstrip("?")
    path = values.get("referrer_path", "")
    path = path if path.startswith("/") or not path else f"/{path}"
    url = f"https://{domain}{path}" + (f"?{query}" if query else "")
    return url if is_url(url) else None


def _context(about: Values) -> Context:
    os, _, version = about.get("os", "").partition(" ")
    has_version = os == "Windows" and version != ""
    system = os if has_version else about.get("os", "")
    device = about.get("device", "")
    return Context.made(
        country=about.get("country", "").strip().upper(),
        region=about.get("region") or about.get("subdivision1"),
        city=about.get("city"),
        browser=BROWSERS.get(about.get("browser", ""), about.get("browser")),
        os=SYSTEMS.get(system, system),
        os_version=version if has_version else None,
        device=DEVICES.get(device, device),
        language=about.get("language"),
        screen=about.get("screen"),
    )


def _ms(text: str) -> int:
    """Return the time of a column, whose offset PostgreSQL writes in hours alone."""
    try:
        return parse_date(text + ":00" if len(text) > 10 and text[-3] in "+-" else text)
    except NotADate as error:
        raise BrokenLine(f"created_at: {error}") from error
