"""Events in the formats of the export, from another Millrace or made by hand"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct, convert

from analytics.moving import formats, parquet
from analytics.moving.client_contexts import Context
from analytics.moving.files import Lines, dicts_of, lines_of
from analytics.moving.records import (
    BrokenLine,
    Found,
    Record,
    Target,
    read_each,
    record,
    require_event_time,
)
from analytics.moving.repetitions import Repetitions
from config.api.timestamps import NotADate, parse_date
from config.db import uuid7

REQUIRED = {"createdAt", "eventType", "url", "sessionId", "visitorId"}


class _Own(Struct, rename="camel"):
    """What of a line the API does not take."""

    id: str | None = None
    created_at: str | None = None
    context: Context | None = None


def read(paths: Sequence[str], target: Target) -> Iterator[Found]:
    """Yield the events of files, whose names tell their formats."""
    for path in paths:
        format = formats.format_of(path)
        if format == formats.PARQUET:
            yield from read_each(parquet.read(path), _Reader(target).read_values)
            continue
        with lines_of(path) as lines:
            if format == formats.CSV:
                yield from read_each(dicts_of(lines, REQUIRED), _Reader(target).read_cells)
            else:
                yield from read_each(_texts(lines), _Reader(target).read_text)


def _texts(lines: Lines) -> Iterator[tuple[str, str | BrokenLine]]:
    for place, line in lines.placed():
        if isinstance(line, BrokenLine) or line.strip():
            yield place, line


class _Reader:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._repetitions = Repetitions()

    def read_text(self, place: str, line: str) -> Found:
        """Return the event of a line of JSON."""
        return self._read(place, line.encode(), lambda: msgspec.json.decode(line, type=_Own))

    def read_cells(self, place: str, cells: dict[str, str]) -> Found:
        return self.read_values(place, formats.from_cells(cells))

    def read_values(self, place: str, values: dict[str, Any]) -> Found:
        """Return the event of columns, some of which are JSON."""
        members = {
            name: parquet.text_of(value) for name, value in values.items() if value is not None
        }
        for name in formats.CELLS_OF_JSON:
            if isinstance(members.get(name), str):
                members[name] = Raw(_json(members[name], name))
        if isinstance(context := members.get("context"), Raw):
            members["context"] = msgspec.json.decode(context)
        own = {name: members.pop(name) for name in ("createdAt", "context") if name in members}
        found = record(place, members)
        about = own | {"id": members.get("id")}
        return self._read(place, found.event, lambda: convert(about, _Own, strict=True))

    def _read(self, place: str, event: bytes, own: Callable[[], _Own]) -> Found:
        """Return an event, with an id if it has none, or if it must have a new one."""
        try:
            about = own()
        except (msgspec.MsgspecError, RecursionError) as error:
            raise BrokenLine(str(error)) from error
        ms = _ms(about.created_at)
        if about.id is not None and not self._target.has_new_ids:
            if ms is not None and (id := uuid7.parse(about.id)) and uuid7.ms_of(id) != ms:
                raise BrokenLine("createdAt is not the time of the id")
            return Record(place, event, about.context)
        id = self._id(about, event, ms)
        if about.context:
            about.context.id = None
        members = msgspec.json.decode(event, type=dict[str, Raw])
        return record(place, {**members, "id": id}, about.context)

    def _id(self, about: _Own, event: bytes, ms: int | None) -> UUID:
        """Return an id that is the same whenever the line is read for the website."""
        website = self._target.website.pk.hex
        old = uuid7.parse(about.id or "")
        if old and ms is None:
            ms = uuid7.ms_of(old)
        if ms is None:
            raise BrokenLine("createdAt: Required where there is no id")
        identity = about.id or self._repetitions.number(event.decode())
        return uuid7.hashed_id(require_event_time(ms), website, identity)


def _ms(created_at: str | None) -> int | None:
    try:
        return None if created_at is None else parse_date(created_at)
    except NotADate as error:
        raise BrokenLine(f"createdAt: {error}") from error


def _json(text: str, name: str) -> bytes:
    try:
        msgspec.json.decode(text, type=Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BrokenLine(f"{name}: {error}") from error
    return text.encode()
