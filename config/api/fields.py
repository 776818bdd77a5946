"""The strict fields of payloads: no coercion, no trimming, every broken rule is told."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any
from uuid import UUID

from rest_framework import serializers

from config.api import request_body
from config.api.errors import (
    Invalid,
    Problem,
)
from config.api.web_urls import host_of
from config.db import uuid7

MAX_URL_LENGTH = 2048
_WHOLE_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a text must satisfy, and the neutral code of the problem when it does not.

    `schema` says the same in JSON Schema, as far as that can say it.
    """

    is_kept: Callable[[str], bool]
    code: str
    context: dict[str, Any] = dataclass_field(default_factory=dict)
    schema: dict[str, Any] = dataclass_field(default_factory=dict)


def at_least(characters: int, code: str = "string_too_short") -> Rule:
    """Demand a number of characters (code points)."""
    context, schema = {"min_length": characters}, {"minLength": characters}
    return Rule(lambda text: len(text) >= characters, code, context, schema)


def at_most(characters: int, code: str = "string_too_long") -> Rule:
    """Allow a number of characters (code points)."""
    context, schema = {"max_length": characters}, {"maxLength": characters}
    return Rule(lambda text: len(text) <= characters, code, context, schema)


def matching(pattern: str, code: str = "string_pattern_mismatch") -> Rule:
    """Demand that a regular expression matches somewhere in the text."""
    search = re.compile(pattern, re.ASCII).search
    context = {"pattern": pattern}
    schema = {"pattern": pattern.replace(r"\A", "^").replace(r"\Z", "$")}
    return Rule(lambda text: search(text) is not None, code, context, schema)


def an_email() -> Rule:
    """Demand an email address of any length, in ASCII."""
    atom = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    label = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    return matching(rf"\A{atom}(?:\.{atom})*@{label}(?:\.{label})+\Z")


def a_url() -> Rule:
    """Demand an http(s) URL."""
    schema = {"format": "uri", "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#]+[^\s]*$"}
    return Rule(lambda text: host_of(text) is not None, "url_parsing", schema=schema)


class StrictField(serializers.Field):  # type: ignore[type-arg]
    """A field that takes only values of its own JSON type, or tells `type_code`.

    `to_internal_value` returns the value to keep, and raises Invalid with every broken rule;
    `json_schema` describes what it takes.
    """

    type_code: str

    def __init__(self, *, absent: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.absent = absent  # what an optional field is when it does not come

    def to_representation(self, value: Any) -> Any:
        return value

    def json_schema(self) -> dict[str, Any]:
        """Return what this field takes, null aside."""
        raise NotImplementedError


class Text(StrictField):
    """A text that keeps rules, told in their order."""

    type_code = "string_type"

    def __init__(self, *rules: Rule, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rules = rules

    def to_internal_value(self, data: Any) -> str:
        if type(data) is not str:
            raise Invalid(Problem(self.type_code, input=data))
        broken = [rule for rule in self.rules if not rule.is_kept(data)]
        if broken:
            raise Invalid(
                *(Problem(rule.code, input=data, context=rule.context) for rule in broken)
            )
        return data

    def json_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string"}
        for rule in self.rules:
            if schema.keys() & rule.schema.keys():  # such as a second pattern
                schema.setdefault("allOf", []).append(rule.schema)
            else:
                schema |= rule.schema
        return schema


class Choice(StrictField):
    """One of a few texts."""

    type_code = "enum_type"

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices = choices

    def to_internal_value(self, data: Any) -> str:
        if type(data) is not str:
            raise Invalid(Problem(self.type_code, input=data, context={"expected": self.choices}))
        if data not in self.choices:
            raise Invalid(Problem("enum", input=data, context={"expected": self.choices}))
        return data

    def json_schema(self) -> dict[str, Any]:
        schema = {"type": "string", "enum": [*self.choices, *([None] if self.allow_null else [])]}
        return schema if self.absent is None else schema | {"default": self.absent}


class HttpUrl(Text):
    """An http(s) URL, kept as sent; one that is too long is told nothing else."""

    def to_internal_value(self, data: Any) -> str:
        if type(data) is str and len(data) > MAX_URL_LENGTH:
            context = {"max_length": MAX_URL_LENGTH}
            raise Invalid(Problem("string_too_long", input=data, context=context))
        return super().to_internal_value(data)

    def json_schema(self) -> dict[str, Any]:
        return super().json_schema() | {"maxLength": MAX_URL_LENGTH}


class Boolean(StrictField):
    """True or false."""

    type_code = "bool_type"

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            raise Invalid(Problem(self.type_code, input=data))
        return data

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Number(StrictField):
    """A number of a range, both ends included."""

    type_code = "number_type"

    def __init__(self, *, ge: int, le: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ge, self.le = ge, le

    def to_internal_value(self, data: Any) -> int | float:
        if not self.is_of_type(data):
            raise Invalid(Problem(self.type_code, input=data))
        if data < self.ge:
            raise Invalid(Problem("greater_than_equal", input=data, context={"ge": self.ge}))
        if data > self.le:
            raise Invalid(Problem("less_than_equal", input=data, context={"le": self.le}))
        return data  # type: ignore[no-any-return]

    def is_of_type(self, data: Any) -> bool:
        """Tell whether a JSON value is a number of this kind."""
        return type(data) is int or type(data) is float

    def json_schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.ge, "maximum": self.le}


class WholeNumber(Number):
    """A whole number of a range; 1.0 is one, as in JavaScript."""

    type_code = "int_type"

    def to_internal_value(self, data: Any) -> int:
        return int(super().to_internal_value(data))

    def is_of_type(self, data: Any) -> bool:
        return type(data) is int or (type(data) is float and data.is_integer())

    def json_schema(self) -> dict[str, Any]:
        return super().json_schema() | {"type": "integer"}


class JsonObject(StrictField):
    """An object of any content, kept as compact JSON text; `max_bytes` gives the cap in force.

    Without one, the caller has to check the size.
    """

    type_code = "dict_type"

    def __init__(self, *, max_bytes: Callable[[], int] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_bytes = max_bytes

    def to_internal_value(self, data: Any) -> str:
        if type(data) is not dict:
            raise Invalid(Problem(self.type_code, input=data))
        text, size_bytes = request_body.compact(data)
        if self.max_bytes and size_bytes > self.max_bytes():
            context = {"max_bytes": self.max_bytes()}
            raise Invalid(Problem("too_large", input=data, context=context))
        return text

    def json_schema(self) -> dict[str, Any]:
        about = "Any object, of a limited number of bytes as compact JSON."
        return {"type": "object", "description": about}


class Uuid(StrictField):
    """A UUID of any version, in canonical form."""

    type_code = "uuid_parsing"

    def to_internal_value(self, data: Any) -> UUID:
        id = uuid7.parse(data) if type(data) is str else None
        if id is None:
            raise Invalid(Problem(self.type_code, input=data))
        return id

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}


class AnyUuid(Uuid):
    """A Uuid for APIs that tell a wrong type and a wrong form alike."""

    type_code = "uuid_type"


class Clamped(StrictField):
    """A whole number of a query, brought into its range; absent or no number, it is a default."""

    type_code = "int_type"

    def __init__(self, lowest: int, highest: int, *, otherwise: int, zero: int = 0) -> None:
        super().__init__(required=False, absent=otherwise)
        self.lowest, self.highest, self.zero = lowest, highest, zero

    def to_internal_value(self, data: Any) -> int:
        if not _WHOLE_NUMBER.fullmatch(data):
            return int(self.absent)
        digits = data.lstrip("-0")[:18]  # enough for any limit; int() refuses endless texts
        sign = -1 if data.startswith("-") else 1
        number = sign * int(digits) if digits else self.zero
        return max(self.lowest, min(number, self.highest))

    def json_schema(self) -> dict[str, Any]:
        limits = {"minimum": self.lowest, "maximum": self.highest, "default": self.absent}
        about = "Numbers out of range are brought into it; what is no number is the default."
        return {"type": "integer", **limits, "description": about}
