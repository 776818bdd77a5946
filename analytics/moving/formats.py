"""Events as lines of JSON, as CSV and in Parquet: the same members, under the names of the API

In CSV and in Parquet `properties` and `context` are texts of JSON. In CSV an empty cell is null; an
empty text, and one that begins with a backslash, has one more backslash before it.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from analytics.events.models import EventRow
from analytics.moving.client_contexts import Context
from config.api.bodies import iso

JSON_LINES, CSV, PARQUET = "jsonl", "csv", "parquet"
FORMATS = (JSON_LINES, CSV, PARQUET)
PACKED = ".gz"
CELLS_OF_JSON = ("properties", "context")
ESCAPE = "\\"


class Line(Struct, rename="camel"):
    """An event in a file, and the client context that came with it."""

    id: UUID
    created_at: str
    website_id: UUID
    event_type: str
    url: str
    referrer: str | None
    session_id: str
    visitor_id: str
    device_type: str | None
    browser: str | None
    os: str | None
    location: str | None
    properties: Raw | None
    context: Context | None

    @classmethod
    def of(cls, row: EventRow, context: Context | None) -> "Line":
        properties = None if row.properties is None else Raw(row.properties.encode())
        values: list[Any] = [row.id, iso(row.created_at), *row[2:-1], properties, context]
        return cls(*values)


NAMES = Line.__struct_encode_fields__
_CONTEXT = NAMES.index("context")


def format_of(path: str) -> str | None:
    """Return the format that the end of a file's name tells."""
    name = path.lower().removesuffix(PACKED)
    return next((each for each in FORMATS if name.endswith(f".{each}")), None)


def encode(format: str, lines: Sequence[Line]) -> bytes:
    """Return events as lines of JSON or rows of CSV."""
    return _csv(map(_cells, lines)) if format == CSV else b"".join(map(_json_line, lines))


def header(format: str) -> bytes:
    return _csv([NAMES]) if format == CSV else b""


def from_cells(cells: dict[str, str]) -> dict[str, str | None]:
    """Return the members that the cells of a row stand for."""
    return {name: _text(cell) for name, cell in cells.items()}


def columns_of(lines: Iterable[bytes]) -> dict[str, list[Any]]:
    """Return events, each as a line of JSON, as columns of texts."""
    decoded = map(msgspec.json.Decoder(dict[str, Raw]).decode, lines)
    rows = [[_text_of(name, members[name]) for name in NAMES] for members in decoded]
    return {name: [row[n] for row in rows] for n, name in enumerate(NAMES)}


def _text_of(name: str, raw: Raw) -> str | None:
    text = bytes(raw)
    if name in CELLS_OF_JSON:
        return None if text == b"null" else text.decode()
    return msgspec.json.decode(text, type=str | None)


def _values(line: Line) -> Iterator[Any]:
    for name in Line.__struct_fields__:
        value = getattr(line, name)
        yield str(value) if isinstance(value, UUID) else value


def _json_line(line: Line) -> bytes:
    properties = line.properties
    if properties is not None and b"\n" in bytes(properties):
        line.properties = Raw(msgspec.json.format(properties, indent=-1))
    return msgspec.json.encode(line) + b"\n"


def _cells(line: Line) -> list[str]:
    values = [bytes(value).decode() if isinstance(value, Raw) else value for value in _values(line)]
    if line.context is not None:
        values[_CONTEXT] = msgspec.json.encode(line.context).decode()
    return [_cell(value) for value in values]


def _cell(text: str | None) -> str:
    if text is None:
        return ""
    return text if text and not text.startswith(ESCAPE) else ESCAPE + text


def _text(cell: str) -> str | None:
    return cell.removeprefix(ESCAPE) if cell else None


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    return file.getvalue().encode()
