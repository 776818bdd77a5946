"""Problems of validation: their codes, places and messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.exceptions import ValidationError as DjangoError
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import get_error_detail
from rest_framework.settings import api_settings

_ROOT = api_settings.NON_FIELD_ERRORS_KEY
_JSON_TYPES = {  # names of the types of values that came
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
DEFAULT_MESSAGES = {  # by code, for rules and fields without a message of their own
    "missing": "Required",
    "string_type": "Expected string, received {received}",
    "number_type": "Expected number, received {received}",
    "int_type": "Expected integer, received {received}",
    "int_parsing": "Expected a whole number",
    "bool_type": "Expected boolean, received {received}",
    "dict_type": "Expected object, received {received}",
    "list_type": "Expected array, received {received}",
    "datetime_type": "Expected date, received {received}",
    "enum_type": "Expected {choices}, received {received}",
    "enum": "Invalid enum value. Expected {choices}, received '{input!s:.64}'",
    "json_invalid": "{reason}",
    "uuid_parsing": "Invalid uuid",
    "url_parsing": "Invalid url",
    "datetime_parsing": "Invalid date",
    "datetime_from_date_parsing": "Invalid date: {error}",
    "timestamp_range": "Timestamp out of range",
    "string_too_short": "String must contain at least {min_length} character(s)",
    "string_too_long": "String must contain at most {max_length} character(s)",
    "string_pattern_mismatch": "Invalid format",
    "greater_than_equal": "Number must be greater than or equal to {ge}",
    "less_than_equal": "Number must be less than or equal to {le}",
    "too_short": "Array must contain at least {min_length} element(s)",
    "too_long": "Array must contain at most {max_length} element(s)",
    "too_large": "Exceeds {max_bytes} bytes",
}
_ANY_MESSAGE = "Invalid value"


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule of a request's body or query.

    `code` and `context` use pydantic's vocabulary (missing, string_too_long with max_length, ...);
    `location` is the path to the value, such as ("events", 3, "url"); `input` is the value, or
    the object in which something is missing. `message` is the template of its rule or field, if
    that has one.
    """

    code: str
    location: tuple[str | int, ...] = ()
    input: Any = None
    context: dict[str, Any] = field(default_factory=dict)
    message: str = ""

    def inside(self, *outer: str | int) -> "Problem":
        """Return the same problem of a value that lies within a larger one."""
        location = (*outer, *self.location)
        return Problem(self.code, location, self.input, self.context, self.message)

    def of(self, input: Any) -> "Problem":
        return Problem(self.code, self.location, input, self.context, self.message)

    def describe(self) -> str:
        """Return the message of the rule or field, or else the default one of the code."""
        return self.format(self.message or DEFAULT_MESSAGES.get(self.code, _ANY_MESSAGE))

    def format(self, template: str, **values: Any) -> str:
        """Return a template filled with the context of the problem and with other values.

        Always there are `{input}`, its JSON type `{received}`, and the `{choices}` of an enum.
        """
        choices = " | ".join(f"'{choice}'" for choice in self.context.get("expected", ()))
        received = _JSON_TYPES.get(type(self.input), "")
        known = {"input": self.input, "received": received, "choices": choices}
        return template.format_map(_Values(known | self.context | values))


def problems_of(error: ValidationError | DjangoError, input: Any = None) -> Sequence[Problem]:
    """Return the problems of a validation error, DRF's or Django's, about a value."""
    problems: Sequence[Problem] = getattr(error, "problems", ())
    if problems:
        return problems
    detail = get_error_detail(error) if isinstance(error, DjangoError) else error.detail
    return [*_problems_in(detail, (), input)]


def _problems_in(detail: Any, location: tuple[str | int, ...], input: Any) -> Iterator[Problem]:
    if isinstance(detail, dict):
        for key, inner in detail.items():
            yield from _problems_in(inner, location if key == _ROOT else (*location, key), input)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _problems_in(inner, location, input)
    else:
        message = str(detail).replace("{", "{{").replace("}", "}}")
        yield Problem(detail.code, location, input, message=message)


def detail_of(problems: Sequence[Problem]) -> Any:
    """Return messages in DRF's form: a list for a value, a dict for an object or a list."""
    own = [ErrorDetail(each.describe(), each.code) for each in problems if not each.location]
    inner: dict[str | int, list[Problem]] = {}
    for each in problems:
        if each.location:
            step, *rest = each.location
            inner.setdefault(step, []).append(replace(each, location=tuple(rest)))
    if not inner:
        return own
    members = {step: detail_of(group) for step, group in inner.items()}
    return {_ROOT: own, **members} if own else members


class _Values(dict[str, Any]):
    """The values of a template, in which an unknown name stays as it is."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"
