"""Page views of access logs in the combined format of Apache and nginx

A page view is a GET that was answered with a page, of somebody whom the service takes for no bot.
The address is read to tell visitors apart, and to find their country; what is stored of it is a
keyed hash, another one each day, together with the User-Agent.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from django.utils.crypto import salted_hmac

from analytics.moving.client_contexts import FirstEvents, of_agent
from analytics.moving.files import Lines, lines_of
from analytics.moving.records import (
    BrokenLine,
    Found,
    Left,
    Target,
    read_each,
    record,
    require_event_time,
)
from analytics.moving.repetitions import Repetitions
from analytics.moving.visits import Visits
from analytics.sessions import bots, visitors
from analytics.sessions.user_agents import agent_of
from config.api.addresses import parse_address
from config.api.timestamps import NotADate, parse_date
from config.api.web_urls import is_url
from config.db import uuid7
from websites.lookup import FILTER_COLUMNS
from websites.traffic_filter import TrafficFilter

NO_PAGE = "with another method than GET"
NOT_SHOWN = "that were not answered with a page"
STATIC = "of files that are no pages"
BOT = "of bots"
NETWORK = "of networks that the settings of the website leave out"
NO_REQUEST = "without a request"
SHOWN = {"200", "203", "304"}
NOTHING, HTTP = "-", "HTTP/"
NO_NAMES = (NOTHING, "_")  # of servers
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    r"(\S{1,300}) (\S{1,255}) ([^\[]{1,255})\[([^\]]{20,40})\] "
    rf"{_TEXT} (\d{{3}}) (?:\d+|-) {_TEXT} {_TEXT}",
    re.ASCII,
)
_PORT = re.compile(r":\d{1,5}\Z", re.ASCII)
# A request may name the whole URL, which then counts for more than the Host header.
_ABSOLUTE = re.compile(
    r"https?://(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^/?#:@]*)(?::\d*)?(?=[/?#]|\Z)(.*)",
    re.IGNORECASE | re.ASCII,
)
_TIME = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}:\d{2}:\d{2}) ([+-]\d{4})", re.ASCII)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_STATIC = re.compile(
    r"\.(?:avif|bmp|css|csv|eot|gif|gz|ico|jpe?g|js|json|map|mjs|mp[34]|ogg|otf|pdf|png|rss|svg|tar"
    r"|tiff?|ttf|txt|wasm|wav|web[mp]|webmanifest|woff2?|xml|xsl|zip)\Z"
    r"|\A/(?:\.well-known|assets|static|_next|_nuxt|wp-includes|wp-json|cdn-cgi)/",
    re.IGNORECASE | re.ASCII,
)
_ESCAPED = re.compile(r"\\x([0-9A-Fa-f]{2})|\\(.)")


class _Hit(NamedTuple):
    """A line of a log; the host is that of the server, if the line tells."""

    host: str | None
    address: str
    time: str
    request: str
    status: str
    referrer: str
    agent: str


class _Page(NamedTuple):
    """The host of a page, if anything tells it, and its path with the query."""

    host: str | None
    path: str


def read(paths: Sequence[str], target: Target) -> Iterator[Found]:
    """Yield the page views of logs, of which the oldest should come first."""
    reader = _Reader(target)
    for path in paths:
        with lines_of(path) as lines:
            yield from read_each(_hits(lines), reader.read)


def _hits(lines: Lines) -> Iterator[tuple[str, _Hit | BrokenLine]]:
    for place, line in lines.placed():
        if isinstance(line, BrokenLine):
            yield place, line
        elif match := _LINE.match(line):
            first, second, _, *rest = match.groups()
            yield place, _Hit(*_server_and_client(first, second), *rest)
        elif line.strip():
            yield place, BrokenLine("Not in the combined format")


def _server_and_client(first: str, second: str) -> tuple[str | None, str]:
    """Return the host and the address of a line, given the words that it begins with.

    As in Apache's vhost_combined, a line may name the server before the client.
    """
    is_list = first.endswith(",")  # of X-Forwarded-For
    has_port = _PORT.search(first) and parse_address(first) is None
    if is_list or not (has_port or parse_address(second)):
        return None, _plain(first.rstrip(","))
    name = _PORT.sub("", first)
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    return None if name in NO_NAMES else name, _plain(second)


def _plain(address: str) -> str:
    """Return an address as others write the same one."""
    return str(parse_address(address) or address)


class _Reader:
    """Makes page views of the lines of one or several logs."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._repetitions, self._visits, self._first = Repetitions(), Visits(), FirstEvents()
        columns = [getattr(target.website, name) for name in FILTER_COLUMNS]
        self._filter = TrafficFilter.of(*columns)

    def read(self, place: str, hit: _Hit) -> Found:
        page = _page_of(hit)
        if isinstance(page, Left):
            return page
        agent = "" if hit.agent == NOTHING else _unescaped(hit.agent)
        if bots.is_bot(agent):
            return Left(BOT)
        if self._filter and self._filter.excludes_address(hit.address):
            return Left(NETWORK)
        ms = require_event_time(_ms(hit.time))
        visitor, session = self._visitor(hit, ms)
        website = self._target.website.pk.hex
        identity = self._repetitions.number(*(hit.host or "", *hit[2:]))
        event = {
            "id": uuid7.hashed_id(ms, website, "log", identity),
            "eventType": "pageview",
            "url": self._target.url_of(page.path, host=page.host or ""),
            "referrer": _referrer(hit.referrer),
            "sessionId": session,
            "visitorId": visitor,
            "properties": {"imported": "access-log"},
        }
        if not self._first.is_first(session):
            return record(place, event)
        return record(place, event, of_agent(agent_of(agent), visitors.place_of(hit.address)))

    def _visitor(self, hit: _Hit, ms: int) -> tuple[str, str]:
        """Return the visitor and the session of an event, of which nothing tells the address."""
        website = self._target.website.pk.hex
        start = self._visits.start_of(f"{hit.address} {hit.agent}", ms)
        day = start // 86_400_000
        visitor = _hash(f"{website} {day} {hit.address} {hit.agent}")
        return f"log-{visitor}", f"log-{_hash(f'{visitor} {start}')}"


def _hash(text: str) -> str:
    """Return a hash that nobody can repeat who has not the SECRET_KEY."""
    return salted_hmac("analytics.moving.access_log", text, algorithm="sha256").hexdigest()[:32]


def _page_of(hit: _Hit) -> _Page | Left:
    """Return the page that was viewed, or why there was none."""
    method, _, rest = hit.request.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    if not protocol.startswith(HTTP):
        return Left(NO_REQUEST)
    if method != "GET":
        return Left(NO_PAGE)
    absolute = _ABSOLUTE.match(target)
    host, path = absolute.groups() if absolute else (hit.host, target)
    if not (absolute or path.startswith("/")):
        return Left(NO_REQUEST)
    if _STATIC.search(path.partition("?")[0]):
        return Left(STATIC)
    return _Page(host, _unescaped(path)) if hit.status in SHOWN else Left(NOT_SHOWN)


def _referrer(text: str) -> str | None:
    referrer = _unescaped(text)
    return referrer if is_url(referrer) and len(referrer) <= 2048 else None


def _unescaped(text: str) -> str:
    """Return a text without the escapes of quotes and of other bytes."""
    if "\\" not in text:
        return text
    plain = _ESCAPED.sub(lambda each: chr(int(each[1], 16)) if each[1] else each[2], text)
    try:
        return plain.encode("latin-1").decode()
    except UnicodeError:
        return plain


@lru_cache(maxsize=4096)
def _ms(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        raise BrokenLine(f"Invalid time: {text}")
    day, month, year, clock, offset = match.groups()
    try:
        return parse_date(f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{clock}{offset}")
    except NotADate as error:
        raise BrokenLine(f"Invalid time: {text}") from error
