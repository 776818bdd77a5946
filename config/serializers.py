"""Strict serializers: no coercion, no trimming, every broken rule is told.

Serializers of these fields are the one place where the rules of a payload are written. They are
read as any DRF serializer is, but raise `Invalid` with neutral problems, which a dialect words,
and they are made once: a DRF serializer that is built for every request costs more than the write.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers

from config import bodies, ids
from config.errors import Invalid, Problem
from config.web_urls import host_of

EARLIEST_MS = 1_420_070_400_000  # 2015-01-01T00:00:00.000Z
AHEAD_MS = 86_400_000  # a client's clock may be a day fast
MAX_URL_LENGTH = 2048
V7_PATTERN = (
    "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-7[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$"
)
_MISSING = object()
_WHOLE_NUMBER = re.compile(r"-?[0-9]+")


def is_event_time(ms: float | Decimal) -> bool:
    """Tell whether a time in Unix milliseconds is acceptable as the time of an event."""
    return EARLIEST_MS <= ms <= ids.now_ms() + AHEAD_MS


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


class UnixMilliseconds(StrictField):
    """The time of an event as a number of milliseconds, a fraction of one cut off."""

    type_code = "number_type"

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int and type(data) is not float:
            raise Invalid(Problem(self.type_code, input=data))
        ms = int(data)
        if not is_event_time(ms):
            raise Invalid(Problem("timestamp_range", input=data))
        return ms

    def json_schema(self) -> dict[str, Any]:
        about = "Unix time in milliseconds, at most 24 hours ahead; a fraction is cut off."
        return {"type": "number", "minimum": EARLIEST_MS, "description": about}


class EventId(StrictField):
    """A UUIDv7 that the client chose for its event."""

    type_code = "string_type"

    def to_internal_value(self, data: Any) -> UUID:
        if type(data) is not str:
            raise Invalid(Problem(self.type_code, input=data))
        id = ids.parse(data)
        if id is None or id.version != 7:
            raise Invalid(Problem("uuid_parsing", input=data))
        if not is_event_time(ids.milliseconds_of(id)):
            raise Invalid(Problem("timestamp_range", input=data))
        return id

    def json_schema(self) -> dict[str, Any]:
        about = "A UUIDv7; its time is that of the event."
        return {"type": "string", "format": "uuid", "pattern": V7_PATTERN, "description": about}


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
        text, size_bytes = bodies.compact(data)
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
        id = ids.parse(data) if type(data) is str else None
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


class Items(StrictField):
    """A list of a number of items, whatever they are."""

    type_code = "list_type"

    def __init__(self, *, at_least: int, at_most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.at_least, self.at_most = at_least, at_most

    def to_internal_value(self, data: Any) -> list[Any]:
        if type(data) is not list:
            raise Invalid(Problem(self.type_code, input=data))
        if len(data) < self.at_least:
            context = {"min_length": self.at_least}
            raise Invalid(Problem("too_short", input=data, context=context))
        if len(data) > self.at_most:
            context = {"max_length": self.at_most}
            raise Invalid(Problem("too_long", input=data, context=context))
        return data

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": self.at_least, "maxItems": self.at_most}


class ListOf(Items):
    """A list of objects, all of whose problems are told; too long a list is not read."""

    def __init__(self, item: "StrictSerializer", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.item = item

    def to_internal_value(self, data: Any) -> list[dict[str, Any]]:
        values, problems = [], []
        for index, item in enumerate(super().to_internal_value(data)):
            try:
                values.append(self.item.to_internal_value(item))
            except Invalid as error:
                problems += [problem.inside(index) for problem in error.problems]
        if problems:
            raise Invalid(*problems)
        return values


class StrictSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """An object with strict fields. Make it once and call `to_internal_value` for each body.

    An optional field that is absent becomes what it says, or stays away when the serializer is
    partial.
    `example` is a body that it takes, for the description of the API.
    """

    example: ClassVar[Any] = None

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the values of all fields; raises Invalid with the problems of all fields."""
        if type(data) is not dict:
            raise Invalid(Problem("dict_type", input=data))
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, field, required, nullable in self._plan:
            value = data.get(name, _MISSING)
            if value is _MISSING:
                if required:
                    context = {"type_code": field.type_code}
                    problems.append(Problem("missing", (name,), data, context))
                elif not self.partial:
                    values[name] = field.absent
            elif value is None and nullable:
                values[name] = None
            else:
                try:
                    values[name] = field.to_internal_value(value)
                except Invalid as error:
                    problems += [problem.inside(name) for problem in error.problems]
        problems += self.problems_between(data, values)
        if problems:
            raise Invalid(*problems)
        return values

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        """Return what is wrong between fields, each of which may be right for itself."""
        return []

    @cached_property
    def _plan(self) -> list[tuple[str, StrictField, bool, bool]]:
        return [
            (name, field, field.required and not self.partial, field.allow_null)
            for name, field in self.fields.items()
            if isinstance(field, StrictField)
        ]
