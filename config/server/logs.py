"""Log lines: JSON for machines, text for people, and in neither what belongs to somebody.

Databases repeat rows and values in what they say of an error; addresses, emails and tokens may
stand in any message. None of them leaves through here.
"""

import json
import logging
import re
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime

import django.db
import psycopg

from config.api.client_address import parse_address

MAX_LENGTH = 2000  # of what one exception says; some repeat all that they were given
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_PRIVATE = [
    (re.compile(r"(?<=://)[^\s/@]+(?=@)"), "[password]"),
    # No match begins within a word: of a long one, each would look at all the rest of it.
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*"), "[token]"),
    (re.compile(r"\bpk_\w{32}\b"), "[key]"),
    (re.compile(r"(?i)(?<=bearer )[^\s'\"]+"), "[token]"),
    (re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "[email]"),
]
# What follows these words is the address of a server of ours, which operators must know.
_ADDRESS = re.compile(
    r"(?<!server at \")(?<!\" \()(?<!connecting to )(?<![\w.:])[0-9A-Fa-f:.]{3,}(?!\w)"
)


class TextFormatter(logging.Formatter):
    """Lines for a terminal; a traceback takes lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        named = request_id.get()
        line = f"{_time(record)} {record.levelname} {record.name} {_message(record)}"
        return "\n".join(filter(None, [line + (f" [{named}]" if named else ""), _trace(record)]))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the JSON of a record."""
        entry = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            "request_id": request_id.get(),
            "exception": _trace(record),
        }
        return json.dumps({name: value for name, value in entry.items() if value})


def told(error: BaseException) -> str:
    """Return what an exception says; of a database's nothing that repeats a row or a value."""
    text = str(error)
    if len(text) > MAX_LENGTH:
        text = f"{text[:MAX_LENGTH]}..."
    if isinstance(error, (django.db.Error, psycopg.Error)):
        text = text.partition("\n")[0]  # DETAIL, CONTEXT and the statement come below
    if isinstance(error, (django.db.DataError, psycopg.DataError)):
        text = re.sub('".*', '"..."', text)  # invalid input syntax for type json: "..."
    return text


def without_private(text: str) -> str:
    """Return a text whose emails, tokens, passwords and addresses of clients are taken out."""
    for pattern, replacement in _PRIVATE:
        text = pattern.sub(replacement, text)
    return _ADDRESS.sub(lambda found: "[address]" if _is_address(found[0]) else found[0], text)


def _is_address(text: str) -> bool:
    return parse_address(text.rstrip(".:")) is not None


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return f"{at.isoformat(timespec='milliseconds')[:-6]}Z"


def _message(record: logging.LogRecord) -> str:
    message, values = record.msg, record.args
    if isinstance(message, BaseException):
        message = told(message)
    if isinstance(values, tuple):
        values = tuple(
            told(value) if isinstance(value, BaseException) else value for value in values
        )
    return without_private(str(message) % values if values else str(message))


def _trace(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return without_private("".join(_traceback(error, set())).rstrip()) if error else ""


def _traceback(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Yield what Python prints of an exception and those before it, worded by `told`."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before and id(before) not in seen:
        yield from _traceback(before, seen)
        yield "\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}: {told(error)}\n"
