"""JSON objects that keep the text that they came as, and with it every digit of their numbers."""

import json
from typing import Any

import msgspec
from django.db import models
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast


class TextObject(dict[str, Any]):
    """A JSON object and its text; of a key that the text repeats it has the last value."""

    __slots__ = ("text",)

    def __init__(self, members: dict[str, Any], text: bytes) -> None:
        super().__init__(members)
        self.text = text


def text_of(value: Any) -> bytes:
    """Return the text of a JSON value: the one that it came as, if it has one."""
    return value.text if isinstance(value, TextObject) else msgspec.json.encode(value)


def compact(text: bytes, *, without: str | None = None) -> bytes:
    """Return an object in the shortest text with the same values, without one of its keys.

    White space, repeated keys and needless escapes go; numbers stay as they are written.
    """
    members = json.loads(text.decode(), parse_float=_number, parse_int=_number)
    members.pop(without, None)
    return msgspec.json.encode(members)


def fit(text: bytes, max_bytes: int) -> str | None:
    """Return the text of an object whose compact text has at most so many bytes, else None.

    It stays as it is unless it is longer.
    """
    if len(text) > max_bytes:
        # Ten times as quick. msgspec writes some numbers longer, none of them eight times.
        if len(msgspec.json.encode(msgspec.json.decode(text))) > 8 * max_bytes:
            return None
        text = compact(text)
    return text.decode() if len(text) <= max_bytes else None


class JsonTextField(models.JSONField):
    """An object in a column of type json, which keeps the text; values are TextObjects.

    A column of type jsonb, as older versions made them, does as well, but for the text.
    """

    def db_type(self, connection: Any) -> str:
        return "json"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        """Select the text: psycopg would parse it, and lose digits."""
        return f"{sql}::text", params

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        parsed = super().from_db_value(value, expression, connection)
        is_whole = isinstance(parsed, dict) and not isinstance(expression, KeyTransform)
        return TextObject(parsed, value.encode()) if is_whole else parsed

    def get_transform(self, name: str) -> Any:
        """Return a lookup by key, as `metadata__actor_type="anonymous"`; json has no equality."""
        return lambda text: KeyTransform(name, Cast(text, models.JSONField()))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, TextObject):
            return value.text.decode()
        return super().get_db_prep_value(value, connection, prepared)


def _number(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())
