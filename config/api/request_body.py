"""Request bodies: limits of size, content types, JSON that PostgreSQL can store."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import msgspec
from django.http import HttpRequest

from config.api.errors import BodyTooLarge, Invalid, RequestTimeout, UnsupportedMediaType
from config.api.problems import Problem

MAX_DEPTH = 64
MAX_DIGITS = 4300  # of an integer; Python itself parses no more

_STRING = re.compile(rb'"[^"]*+"?')
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHER_BYTES = bytes(set(range(256)) - _STEPS.keys() - {ord('"')})
_HIGH, _LOW = rb"\\u[Dd][89ABab][0-9A-Fa-f]{2}", rb"\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}"
_LONE_SURROGATE = re.compile(
    rb"\\u[Dd](?:[89ABab][0-9A-Fa-f]{2}(?!%s)|[C-Fc-f][0-9A-Fa-f]{2}(?<!%s%s))"
    % (_LOW, _HIGH, _LOW)
)
_NUMBERS = "Numbers must be finite and in range"
_BOM = b"\xef\xbb\xbf"
_JSON_TYPES = ("", "application/json")  # none, or this one
_SIMPLE_TYPES = ("text/plain", "application/x-www-form-urlencoded")  # of sendBeacon, of curl -d
_UNREADABLE = object()
_USUAL_DEPTH = 8  # or less, of nearly all bodies


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON value, and its text as it came, but for a byte order mark and lone surrogates."""

    value: Any
    text: bytes


EMPTY = Json({}, b"{}")


def check_size(request: HttpRequest, max_bytes: int) -> None:
    """Raise BodyTooLarge for a Content-Length over the limit, without reading the body."""
    if _content_length(request) > max_bytes:
        raise BodyTooLarge(max_bytes)


def read(request: HttpRequest, max_bytes: int) -> bytes:
    """Return the whole body; raises BodyTooLarge without reading on beyond the limit.

    Raises RequestTimeout for a body that the server has not got in time.
    """
    is_chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    # Without a Content-Length, Django takes the body for empty. The server ends the stream itself.
    stream = request.META["wsgi.input"] if is_chunked else request
    try:
        body: bytes = stream.read(max_bytes + 1)
    except OSError as error:
        if TimeoutError in (type(error), type(error.__cause__)):  # Django wraps it
            raise RequestTimeout from None
        raise _invalid("Invalid JSON") from None  # the client disconnected
    if len(body) > max_bytes:
        raise BodyTooLarge(max_bytes)
    return body


def check_type(request: HttpRequest, *, public: bool) -> None:
    """Raise UnsupportedMediaType for a body that is not declared as JSON.

    Public routes read the types as JSON that a page may send without a preflight, but for
    multipart.
    """
    media_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    is_json = media_type in _JSON_TYPES or (public and media_type in _SIMPLE_TYPES)
    if not is_json or encoding not in ("", "identity"):
        raise UnsupportedMediaType


def parse(body: bytes) -> Any:
    """Return the JSON value of a body; raises Invalid with one json_invalid problem.

    What PostgreSQL cannot store is invalid: NUL, numbers that are not finite. Lone surrogates,
    which it cannot store either, become U+FFFD. Integers keep all their digits.
    """
    return parse_with_text(body).value


def parse_with_text(body: bytes) -> Json:
    """Return the value and the text of a body; raises Invalid as `parse` does."""
    text = body.removeprefix(_BOM)
    value = _parse_fast(text)
    if value is not _UNREADABLE:
        return Json(value, text)
    mended = _replace_lone_surrogates(text)
    if mended != text:
        value = _parse_fast(mended)
    return Json(_parse_slowly(mended) if value is _UNREADABLE else value, mended)


def compact(value: Any) -> tuple[str, int]:
    """Return the compact JSON text of a value, and its size in bytes as UTF-8."""
    encoded = msgspec.json.encode(value)
    return encoded.decode(), len(encoded)


def _content_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _parse_fast(text: bytes) -> Any:
    """Return the value of good JSON without an escape that may be NUL, else _UNREADABLE."""
    if b"\\" in text and rb"\u0000" in text:  # without the first, the second is slow
        return _UNREADABLE
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return _UNREADABLE
    return _UNREADABLE if _is_deep(text) else value


def _replace_lone_surrogates(text: bytes) -> bytes:
    """Return JSON with U+FFFD for each escape of a surrogate without its partner.

    All else stays in its place, so that errors have the position at which they are in the body.
    """
    if b"\0" in text:  # it is no JSON
        return text
    # Without escaped backslashes, each backslash begins an escape.
    escapes = text.replace(rb"\\", b"\0\0")
    return _LONE_SURROGATE.sub(rb"\\ufffd", escapes).replace(b"\0\0", rb"\\")


def _is_deep(text: bytes) -> bool:
    """Return whether brackets nest too deep, in the values of repeated keys too.

    A decoded value cannot tell: of a repeated key it has the last value only.
    """
    brackets = _brackets(text)
    if len(brackets) <= MAX_DEPTH:
        return False
    inner = brackets
    for _ in range(_USUAL_DEPTH):  # far quicker than to count, which takes a step for each bracket
        inner = inner.replace(b"{}", b"").replace(b"[]", b"")
    if not inner:
        return False
    return any(depth > MAX_DEPTH for depth in accumulate(map(_STEPS.__getitem__, brackets)))


def _brackets(text: bytes) -> bytes:
    """Return the brackets of JSON that are not in a string."""
    if b"\\" in text:
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    # What is left of quotes are the ends of strings. Without two that have no bracket between
    # them, the same brackets are in strings.
    marks = text.translate(None, _OTHER_BYTES).replace(b'""', b"")
    return _STRING.sub(b"", marks) if b'"' in marks else marks


def _parse_slowly(text: bytes) -> Any:
    """Parse a body that is invalid, or that has an escape which may be NUL: find what is wrong."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise _invalid("Invalid UTF-8") from None
    if _is_deep(text):
        raise _invalid(f"JSON must not be nested deeper than {MAX_DEPTH} levels")
    out_of_range: list[str] = []
    overwritten: list[Any] = []
    try:
        value = json.loads(
            decoded,
            object_pairs_hook=partial(_object, overwritten),
            parse_constant=out_of_range.append,
            parse_float=partial(_float, out_of_range),
            parse_int=partial(_int, out_of_range),
        )
    except json.JSONDecodeError as error:
        raise _invalid("Invalid JSON", position=error.pos) from None
    if out_of_range:
        raise _invalid(_NUMBERS)
    strings = "".join(_strings([value, *overwritten]))
    if "\0" in strings:
        raise _invalid("NUL characters are not allowed")
    return value


def _invalid(reason: str, *, position: int = 0) -> Invalid:
    return Invalid(Problem("json_invalid", context={"reason": reason, "position": position}))


def _object(overwritten: list[Any], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; values that a repeated key has overwritten are collected for the checks."""
    members = dict(pairs)
    if len(members) < len(pairs):
        overwritten += (value for _, value in pairs)
    return members


def _float(out_of_range: list[str], text: str) -> float:
    number = float(text)
    if math.isinf(number):
        out_of_range.append(text)
    return number


def _int(out_of_range: list[str], text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        out_of_range.append(text)
        return 0
    return int(text)


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value, object keys included."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case list(items):
                waiting.extend(items)
            case dict(members):
                yield from members
                waiting.extend(members.values())
