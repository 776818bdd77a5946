"""GoatCounter's export of page views, a CSV file of version 2

https://www.goatcounter.com/help/export
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from analytics.moving.client_contexts import Context, FirstEvents
from analytics.moving.files import Lines, dicts_of, lines_of
from analytics.moving.records import (
    BrokenLine,
    Found,
    Left,
    Target,
    UnreadableFile,
    read_each,
    record,
    require_event_time,
)
from analytics.moving.repetitions import Repetitions
from analytics.moving.unread_columns import UnreadColumns
from analytics.moving.visits import Visits
from analytics.sessions import bots
from analytics.sessions.user_agents import agent_of
from config.api.timestamps import NotADate, parse_date
from config.api.web_urls import is_url
from config.db import uuid7

BOT = "of bots"
VERSION = "2"
COLUMNS = (
    *("path", "title", "event", "useragent", "browser", "system", "session", "bot", "referrer"),
    *("referrerscheme", "screensize", "location", "firstvisit", "date"),
)
HTTP, GENERATED, CAMPAIGN, OTHER = "hgco"  # schemes of referrers
NO_SESSION = re.compile(r"[0-]*")
_SCREEN = re.compile(r"([0-9]{1,5})(?:\.0)?,([0-9]{1,5})(?:\.0)?(?:,.*)?")
_VERSIONED = re.compile(r"(.*\S) ([0-9][\w.]*)")
Row = dict[str, str]


def read(paths: Sequence[str], target: Target) -> Iterator[Found]:
    """Yield the page views and events of exports."""
    reader = _Reader(target)
    for path in paths:
        with lines_of(path) as lines:
            yield from read_each(_rows(lines), reader.read)
    yield from reader.unread.left()


def _rows(lines: Lines) -> Iterator[tuple[str, Row | BrokenLine]]:
    """Yield rows by the names of COLUMNS, however a version of GoatCounter spells them."""

    def names_of(header: list[str]) -> list[str]:
        _require_version(header[0], lines.path)
        return [re.sub(r"[^a-z]", "", name.lower()) for name in header]

    return dicts_of(lines, {*COLUMNS}, names_of=names_of)


def _require_version(first: str, path: str) -> None:
    match = re.fullmatch(r"([0-9]+),?Path", first)
    if match is None:
        raise UnreadableFile(f"{path} is no export of GoatCounter: its first column is {first!r}.")
    if match[1] != VERSION:
        raise UnreadableFile(f"{path} is an export of version {match[1]}; this reads {VERSION}.")


class _Reader:
    """Makes events of rows."""

    def __init__(self, target: Target) -> None:
        self._target, self.unread = target, UnreadColumns()
        self._repetitions, self._visits, self._first = Repetitions(), Visits(), FirstEvents()

    def read(self, place: str, row: Row) -> Found:
        self.unread.count("export", row, COLUMNS)
        if row["bot"] not in ("", "0") or bots.is_bot(row["useragent"]):
            return Left(BOT)
        ms = require_event_time(_ms(row["date"]))
        website = self._target.website.pk.hex
        identity = self._repetitions.number(*map(row.__getitem__, COLUMNS))
        id = uuid7.hashed_id(ms, website, "goatcounter", identity)
        visitor = id.hex if NO_SESSION.fullmatch(row["session"]) else row["session"]
        session = f"{visitor}-{self._visits.start_of(visitor, ms)}"
        event = {
            "id": id,
            **self._page(row),
            "sessionId": session,
            "visitorId": visitor,
        }
        context = _context(row) if self._first.is_first(session) else None
        return record(place, event, context)

    def _page(self, row: Row) -> dict[str, Any]:
        """Return what happened where."""
        referrer, query = _referrer(row["referrer"], row["referrerscheme"])
        about = {"imported": "goatcounter"} | ({"title": row["title"]} if row["title"] else {})
        if row["event"].lower() in ("true", "1"):
            url, about = self._target.url_of("/"), {"name": row["path"]} | about
            return {"eventType": "custom", "url": url, "referrer": referrer, "properties": about}
        if screen := _screen(row["screensize"]):
            about["screen"] = screen
        path, _, own = row["path"].partition("?")
        url = self._target.url_of(path, query="&".join(filter(None, [own, query])))
        return {"eventType": "pageview", "url": url, "referrer": referrer, "properties": about}


def _referrer(text: str, scheme: str) -> tuple[str | None, str]:
    """Return a URL, or what the query of the page has to say instead."""
    if not text:
        return None, ""
    if scheme in (GENERATED, CAMPAIGN):
        name = "utm_source" if scheme == GENERATED else "utm_campaign"
        return None, urlencode({name: text})
    url = text if "://" in text or scheme == OTHER else f"https://{text}"
    return (url, "") if is_url(url) else (None, "")


def _context(row: Row) -> Context:
    agent = agent_of(row["useragent"])
    browser, browser_version = _versioned(row["browser"])
    os, os_version = _versioned(row["system"])
    country, _, _ = row["location"].partition("-")
    return Context.made(
        country=country,
        region=row["location"] if "-" in row["location"] else None,
        browser=browser or agent.browser,
        browser_version=browser_version or agent.browser_version,
        os=os or agent.os,
        os_version=os_version or agent.os_version,
        device=agent.device or _device(row["screensize"], os),
        screen=_screen(row["screensize"]),
    )


def _versioned(text: str) -> tuple[str | None, str | None]:
    """Return the name and the version of a browser or a system."""
    match = _VERSIONED.fullmatch(text)
    return (match[1], match[2]) if match else (text or None, None)


def _screen(text: str) -> str | None:
    match = _SCREEN.fullmatch(text)
    return f"{int(match[1])}x{int(match[2])}" if match and int(match[1]) else None


def _device(text: str, os: str | None) -> str | None:
    """Return the device that a system runs on, as far as that tells."""
    if os in ("Android", "iOS"):
        screen = _SCREEN.fullmatch(text)
        return "tablet" if screen and int(screen[1]) >= 768 else "mobile"
    return "desktop" if os else None


def _ms(text: str) -> int:
    try:
        return parse_date(text)
    except NotADate as error:
        raise BrokenLine(f"Invalid date: {error}") from error
