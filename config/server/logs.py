"""Log formatters for JSON and text, which redact personal data.

Error messages of databases repeat rows and values; addresses, emails and tokens may be in any
message. None of them may reach the log.
"""

import json
import logging
import re
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime

from config.api.addresses import parse_address

MAX_ERROR_LENGTH = 2000  # some exceptions repeat all of their input
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_PRIVATE = [
    (re.compile(r"(?<=://)[^\s/@]+(?=@)"), "[password]"),
    # No match starts within a word: in a long one, each start would scan all the rest of it.
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*"), "[token]"),
    (
        re.compile(
            r"(?<=/share/)[\w-]+|(?<=/accounts/reset/)[\w-]+/[\w-]+|(?<=/accounts/email/)[\w:-]+"
        ),
        "[token]",
    ),
    (re.compile(r"\bpk_\w{32}\b"), "[key]"),
    (re.compile(r"(?i)(?<=bearer )[^\s'\"]+"), "[token]"),
    (re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "[email]"),
]
# These words precede the address of one of our servers, which operators need.
_ADDRESS = re.compile(
    r"(?<!server at \")(?<!\" \()(?<!connecting to )(?<![\w.:])[0-9A-Fa-f:.]{3,}(?!\w)"
)


class TextFormatter(logging.Formatter):
    """One line of text, followed by the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text."""
        id = request_id.get()
        message = _message(record).replace("\n", "\\n").replace("\r", "\\r")  # else: forged lines
        line = f"{_time(record)} {record.levelname} {record.name} {message}"
        return "\n".join(filter(None, [line + (f" [{id}]" if id else ""), _trace(record)]))


class JsonFormatter(logging.Formatter):
    """One line of JSON, including the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON."""
        entry = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            "request_id": request_id.get(),
            "exception": _trace(record),
        }
        return json.dumps({name: value for name, value in entry.items() if value})


class CrashFilter(logging.Filter):
    """Pass only what Django says of responses that an exception caused.

    It also reports every response with a status over 499 as an error: refusals that are intended,
    and crashes of API views, which have logged their exception themselves.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record has an exception."""
        return record.exc_info is not None


def error_message(error: BaseException) -> str:
    """Return the message of an exception, without rows and values if it is of a database."""
    import django.db  # not above: the parent process of the workers formats its lines here too
    import psycopg

    text = str(error)
    if len(text) > MAX_ERROR_LENGTH:
        text = f"{text[:MAX_ERROR_LENGTH]}..."
    if isinstance(error, (django.db.Error, psycopg.Error)):
        text = text.partition("\n")[0]  # DETAIL, CONTEXT and the statement come below
    if isinstance(error, (django.db.DataError, psycopg.DataError)):
        text = re.sub('".*', '"..."', text)  # invalid input syntax for type json: "..."
    return text


def redact(text: str) -> str:
    """Replace emails, tokens, passwords and client addresses in a text by their kind."""
    for pattern, replacement in _PRIVATE:
        text = pattern.sub(replacement, text)
    return _ADDRESS.sub(lambda match: "[address]" if _is_address(match[0]) else match[0], text)


def _is_address(text: str) -> bool:
    return parse_address(text.rstrip(".:")) is not None


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return f"{at.isoformat(timespec='milliseconds')[:-6]}Z"


def _message(record: logging.LogRecord) -> str:
    message, values = record.msg, record.args
    if isinstance(message, BaseException):
        message = error_message(message)
    if isinstance(values, tuple):
        values = tuple(
            error_message(value) if isinstance(value, BaseException) else value for value in values
        )
    return redact(str(message) % values if values else str(message))


def _trace(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return redact("".join(_traceback(error, set())).rstrip()) if error else ""


def _traceback(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Yield the traceback of an exception and its causes, with messages by `error_message`."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before and id(before) not in seen:
        yield from _traceback(before, seen)
        yield "\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}: {error_message(error)}\n"
