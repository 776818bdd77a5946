"""What is read of a file: events, lines that are none by a rule, and broken ones"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from analytics.moving.client_contexts import Context
from config.api.timestamps import is_event_time
from websites.models import Website

OUT_OF_RANGE = "Timestamp out of range"
Row = TypeVar("Row")


class UnreadableFile(Exception):
    """A file is not what it should be, from its beginning or from some place on."""


class BrokenLine(Exception):
    """A line is no valid event; the others are read all the same."""


class Record(NamedTuple):
    """An event as JSON, as the API takes it but for the tracking code, and what it is seen on."""

    place: str
    event: bytes
    context: Context | None = None


class Left(NamedTuple):
    """A line that is left out by a rule."""

    reason: str
    lines: int = 1


class Broken(NamedTuple):
    """A line that is no valid event."""

    place: str
    message: str


Found = Record | Left | Broken
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """The website that events go to.

    host: of pages of which a source has only the path. source_website: whose events are meant,
    where a source has several. has_new_ids: ids are made anew even where the source has some.
    """

    website: Website
    host: str
    source_website: str | None = None
    has_new_ids: bool = False

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.website.timezone)

    def url_of(self, path: str, *, host: str = "", query: str = "") -> str:
        """Return the URL of a page of which a source tells the path."""
        path = path if path.startswith("/") else f"/{path}"
        return f"https://{host or self.host}{path}" + (f"?{query}" if query else "")


def read_each(
    rows: Iterable[tuple[str, Row | BrokenLine]], read: Callable[[str, Row], Found]
) -> Iterator[Found]:
    """Yield what each row is, given its place; a broken one is reported, and the next one read."""
    for place, row in rows:
        if isinstance(row, BrokenLine):
            yield Broken(place, str(row))
            continue
        try:
            yield read(place, row)
        except BrokenLine as error:
            yield Broken(place, str(error))


def record(place: str, event: Event, context: Context | None = None) -> Record:
    """Return an event; members that are None are left out."""
    members = {name: value for name, value in event.items() if value is not None}
    try:
        return Record(place, msgspec.json.encode(members), context)
    except UnicodeEncodeError as error:
        raise BrokenLine("Text that UTF-8 cannot encode") from error


def require_event_time(ms: int) -> int:
    """Return a time; raises BrokenLine for one that no event may have."""
    if not is_event_time(ms):
        raise BrokenLine(OUT_OF_RANGE)
    return ms
