"""Request bodies: size, content type, JSON. In that order, and no byte is read before its turn."""

import json
import math
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest

from config.errors import BodyTooLarge, Invalid, Problem, UnsupportedMediaType

MAX_DEPTH = 64
MAX_DIGITS = 4300  # of a whole number; Python itself refuses to read more

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{\]}]', re.DOTALL)  # strings hide brackets
_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBERS = "Numbers must be finite and in range"
_BOM = b"\xef\xbb\xbf"


def check_size(request: HttpRequest) -> None:
    """Raise BodyTooLarge for a Content-Length over the limit, without reading the body."""
    if _content_length(request) > settings.MAX_BODY_BYTES:
        raise BodyTooLarge(settings.MAX_BODY_BYTES)


def read(request: HttpRequest) -> bytes:
    """Return the whole body; raises BodyTooLarge at the first byte over the limit."""
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        # Django reads no body without a Content-Length; the server ends this stream for us.
        stream = request.META["wsgi.input"]
        body: bytes = stream.read(settings.MAX_BODY_BYTES + 1)
    else:
        body = request.read(settings.MAX_BODY_BYTES + 1)
    if len(body) > settings.MAX_BODY_BYTES:
        raise BodyTooLarge(settings.MAX_BODY_BYTES)
    return body


def check_type(request: HttpRequest, *, text_plain: bool) -> None:
    """Raise UnsupportedMediaType unless the body says that it is JSON, or says nothing."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    accepted = ("", "application/json", "text/plain") if text_plain else ("", "application/json")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if media_type not in accepted or encoding not in ("", "identity"):
        raise UnsupportedMediaType


def parse(body: bytes) -> Any:
    """Return the JSON value of a body; raises Invalid with one json_invalid problem.

    Whatever PostgreSQL could not keep is refused here: NUL, lone surrogates, endless numbers.
    Whole numbers keep all their digits.
    """
    text = body.removeprefix(_BOM)
    if rb"\u0000" not in text:
        try:
            value = msgspec.json.decode(text)
        except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
            pass
        else:
            if not _is_deep(text, value):
                return value
    return _parse_slowly(text)


def compact(value: Any) -> tuple[str, int]:
    """Return the compact JSON text of a value, and its size in bytes as UTF-8."""
    encoded = msgspec.json.encode(value)
    return encoded.decode(), len(encoded)


def _content_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _is_deep(text: bytes, value: Any) -> bool:
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            if isinstance(container, (dict, list))
            for child in (container.values() if isinstance(container, dict) else container)
        ]
    return any(isinstance(value, (dict, list)) for value in level)


def _parse_slowly(text: bytes) -> Any:
    """Find out which problem comes first; bodies without one come here only for an escape."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise _invalid("Invalid UTF-8") from None
    if _depth(text) > MAX_DEPTH:
        raise _invalid(f"JSON must not be nested deeper than {MAX_DEPTH} levels")
    refused: list[str] = []
    try:
        value = json.loads(
            decoded,
            parse_constant=refused.append,
            parse_float=partial(_real, refused),
            parse_int=partial(_whole, refused),
        )
    except json.JSONDecodeError as error:
        raise _invalid("Invalid JSON", position=error.pos) from None
    if refused:
        raise _invalid(_NUMBERS)
    strings = "".join(_strings(value))
    if "\0" in strings:
        raise _invalid("NUL characters are not allowed")
    if _SURROGATE.search(strings):
        raise _invalid("Lone surrogates are not allowed")
    return value


def _invalid(reason: str, *, position: int = 0) -> Invalid:
    return Invalid(Problem("json_invalid", context={"reason": reason, "position": position}))


def _depth(text: bytes) -> int:
    deepest = depth = 0
    for token in _TOKEN.finditer(text):
        bracket = token[0]
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif bracket in b"]}":
            depth -= 1
    return deepest


def _real(refused: list[str], text: str) -> float:
    number = float(text)
    if math.isinf(number):
        refused.append(text)
    return number


def _whole(refused: list[str], text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        refused.append(text)
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
