"""The tables of Umami's PostgreSQL: of a dump as text, or of a CSV file for each"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from analytics.moving.files import Lines, dicts_of, lines_of
from analytics.moving.records import BrokenLine, UnreadableFile

EVENTS, SESSIONS, DATA = "website_event", "session", "event_data"
REQUIRED = {
    EVENTS: {"event_id", "website_id", "session_id", "created_at", "url_path", "event_type"},
    SESSIONS: {"session_id", "website_id"},
    DATA: {"website_event_id", "data_key", "data_type"},
}
COLUMNS = {
    EVENTS: {
        *("event_id", "website_id", "session_id", "visit_id", "created_at", "event_type"),
        *("url_path", "url_query", "referrer_path", "referrer_query", "referrer_domain"),
        *("hostname", "page_title", "event_name", "tag"),
        # Copies of what url_query has:
        *("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
        *("gclid", "fbclid", "msclkid", "ttclid", "li_fat_id", "twclid"),
    },
    SESSIONS: {
        *("session_id", "website_id", "created_at", "hostname", "browser", "os", "device"),
        *("screen", "language", "country", "region", "subdivision1", "city"),
    },
    DATA: {
        *("event_data_id", "website_id", "website_event_id", "created_at", "data_key"),
        *("string_value", "number_value", "date_value", "data_type"),
    },
}
_COPY = re.compile(r'COPY (?:"?\w+"?\.)?"?(\w+)"? \(([^)]*)\) FROM stdin;')
_END = "\\."
_ESCAPES = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class TableRow(NamedTuple):
    """A row of a table; what is null is not there."""

    place: str
    table: str
    values: dict[str, str] | BrokenLine


def read(path: str, tables: Sequence[str], others: Counter[str]) -> Iterator[TableRow]:
    """Yield the rows of some tables in a file, and count those of others.

    A CSV file is named after its table.
    """
    table = table_of(path)
    with lines_of(path) as lines:
        if table is None:
            yield from _dumped(lines, tables, others)
        elif table in tables:
            for place, row in dicts_of(lines, REQUIRED[table]):
                if isinstance(row, dict):
                    row = {name: row[name] for name in row if row[name]}
                yield TableRow(place, table, row)


def table_of(path: str) -> str | None:
    """Return whose rows a CSV file has, None for a dump; raises UnreadableFile."""
    name = Path(path).name.lower().removesuffix(".gz")
    if not name.endswith(".csv"):
        return None
    found = [table for table in REQUIRED if name.removesuffix(".csv").endswith(table)]
    if not found:
        raise UnreadableFile(f"{path} must be named after its table: {', '.join(REQUIRED)}.")
    return found[0]


def _dumped(lines: Lines, tables: Sequence[str], others: Counter[str]) -> Iterator[TableRow]:
    """Yield rows out of the COPY statements of a dump."""
    current: tuple[str, list[str]] | None = None
    while True:
        try:
            line = next(lines, None)
        except BrokenLine as error:
            if current and current[0] in tables:
                yield TableRow(lines.place, current[0], error)
            continue
        if line is None:
            break
        text = line.rstrip("\r\n")
        if current is None:
            current = _table_in(text, lines)
        elif text == _END:
            current = None
        elif current[0] in tables:
            yield TableRow(lines.place, current[0], _values(text, current[1]))
        else:
            others[current[0]] += 1
    if current:
        raise UnreadableFile(f"{lines.path} ends within the rows of {current[0]}.")


def _table_in(text: str, lines: Lines) -> tuple[str, list[str]] | None:
    """Return the table and the columns of a COPY statement."""
    match = _COPY.fullmatch(text) if text.startswith("COPY ") else None
    if match is None:
        return None
    columns = [name.strip().strip('"') for name in match[2].split(",")]
    if missing := sorted(REQUIRED.get(match[1], set()) - {*columns}):
        raise UnreadableFile(f"{lines.place}: {match[1]} has no column {', '.join(missing)}.")
    return match[1], columns


def _values(text: str, columns: Sequence[str]) -> dict[str, str] | BrokenLine:
    cells = text.split("\t")
    if len(cells) != len(columns):
        return BrokenLine(f"{len(cells)} columns instead of {len(columns)}")
    pairs = zip(columns, cells, strict=True)
    return {name: _unescaped(cell) for name, cell in pairs if cell != r"\N"}


def _unescaped(cell: str) -> str:
    return _ESCAPES.sub(_character, cell) if "\\" in cell else cell


def _character(match: re.Match[str]) -> str:
    octal, hexadecimal, letter = match.groups()
    if letter:
        return _LETTERS.get(letter, letter)
    return chr(int(octal, 8) if octal else int(hexadecimal, 16))
