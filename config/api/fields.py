"""Strict fields of serializers: no coercion, no trimming, every broken rule is reported."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, NoReturn, Union
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoError
from msgspec import Meta
from rest_framework import serializers
from rest_framework.fields import empty

from config.api.compiled import Compiled, JsonText, compiled_field, with_texts
from config.api.errors import Invalid
from config.api.problems import Problem, problems_of
from config.api.rules import Rule, checked_by, maximum, minimum
from config.db import uuid7

# Of a field that may be absent or null, both of which become None.
OPTIONAL: dict[str, Any] = {"default": None, "allow_null": True}
_WHOLE_NUMBER = re.compile("-?[0-9]{1,1000}")


class StrictField(serializers.Field):  # type: ignore[type-arg]
    """A DRF field that accepts only values of its own JSON types.

    Rules, its positional arguments, are among its `validators`, as any of DRF or Django may be.
    `error_messages` has messages by code for what the field itself checks. `sample` is a value,
    for the description of the API.

    Subclasses set their `json_types`, the `type_code` of a value of any other, and their `schema`.
    `to_internal_value` is called with values of those types only.
    """

    json_types: ClassVar[tuple[type, ...]]
    type_code: ClassVar[str]
    schema: ClassVar[dict[str, Any]]

    def __init__(
        self, *rules: Rule, validators: Iterable[Any] = (), sample: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(validators=[*rules, *validators], **kwargs)
        self.sample = sample

    def run_validation(self, data: Any = empty) -> Any:
        if type(data) in self.json_types:
            value = self.to_internal_value(data)
            for accepts in self._accepts:
                if not accepts(value):
                    self._raise_problems(value, data)
                    break
            return value
        if data is empty or (data is None and self.allow_null):
            return super().run_validation(data)
        self.fail(self.type_code, data)

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value

    def fail(self, key: str, input: Any = None, **context: Any) -> NoReturn:
        """Raise Invalid with one problem of this field."""
        message = str(self.error_messages.get(key, ""))
        raise Invalid(Problem(key, input=input, context=context, message=message))

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this field, null aside."""
        schema = dict(self.schema)
        if self.sample is not None:
            schema["examples"] = [self.sample]
        for rule in self.validators:
            more = getattr(rule, "schema", {})
            if schema.keys() & more.keys():  # such as a second pattern
                schema.setdefault("allOf", []).append(more)
            else:
                schema |= more
        return schema

    def compiled(self) -> Compiled:
        """Return what a decoder accepts for this field, null aside, and what reads that further.

        Together they accept what `run_validation` does, and return the same.
        """
        if not {str, bool, int, float}.issuperset(self.json_types):
            reason = "it has JSON types of its own, and no `compiled`"
            raise TypeError(f"The field {self.field_name} cannot be compiled: {reason}")
        return Compiled(Union[self.json_types], self.run_validation)  # noqa: UP007

    @cached_property
    def _accepts(self) -> Sequence[Callable[[Any], bool]]:
        # A validator that is no rule raises or not: False has it called.
        return [getattr(rule, "accepts", lambda value: False) for rule in self.validators]

    def _raise_problems(self, value: Any, data: Any) -> None:
        """Raise Invalid with the problems of all broken validators, if there are any."""
        problems: list[Problem] = []
        validators: list[Any] = self.validators
        for validator in validators:
            try:
                with_field = getattr(validator, "requires_context", False)
                validator(value, self) if with_field else validator(value)
            except (serializers.ValidationError, DjangoError) as error:
                problems += [each.of(data) for each in problems_of(error)]
                if getattr(validator, "final", False):
                    break
        if problems:
            raise Invalid(*problems)


class Text(StrictField):
    """A text."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {"type": "string"}

    def compiled(self) -> Compiled:
        kind, read = self._compiled_rules()
        own = type(self).run_validation, type(self).to_internal_value
        if own == (StrictField.run_validation, StrictField.to_internal_value):
            return Compiled(kind, read)
        return Compiled(kind, self.run_validation)

    def _compiled_rules(self) -> Compiled:
        """Return what accepts a text that breaks no rule."""
        rules: list[Any] = self.validators
        if not all(isinstance(rule, Rule) for rule in rules):
            return Compiled(str, self.run_validation)
        limits = [Meta(**rule.limits) for rule in rules if rule.limits]
        others = [rule for rule in rules if not rule.limits]
        kind = Annotated[str, *limits] if limits else str
        return Compiled(kind, checked_by(others) if others else None)


class Choice(StrictField):
    """One of a few texts."""

    json_types, type_code = (str,), "enum_type"

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices = choices

    def to_internal_value(self, data: str) -> str:
        if data not in self.choices:
            self.fail("enum", data)
        return data

    def compiled(self) -> Compiled:
        return Compiled(Literal[self.choices])

    def fail(self, key: str, input: Any = None, **context: Any) -> NoReturn:
        super().fail(key, input, expected=self.choices, **context)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": [*self.choices, *([None] if self.allow_null else [])]}


class Boolean(StrictField):
    """True or false."""

    json_types, type_code = (bool,), "bool_type"
    schema: ClassVar = {"type": "boolean"}


class Number(StrictField):
    """A number of a range, both ends included."""

    json_types, type_code = (int, float), "number_type"
    schema: ClassVar = {"type": "number"}

    def __init__(self, *, min_value: int, max_value: int, **kwargs: Any) -> None:
        super().__init__(minimum(min_value), maximum(max_value), **kwargs)


class Integer(Number):
    """An integer of a range; 1.0 is one, as in JavaScript."""

    type_code = "int_type"
    schema: ClassVar = {"type": "integer"}

    def to_internal_value(self, data: int | float) -> int:
        if type(data) is float and not data.is_integer():
            self.fail(self.type_code, data)
        return int(data)


class WholeNumber(StrictField):
    """An integer of a range, in a query: a text of digits, and nothing else."""

    json_types, type_code = (str,), "int_type"
    schema: ClassVar = {"type": "integer"}

    def __init__(self, *, min_value: int, max_value: int, **kwargs: Any) -> None:
        super().__init__(minimum(min_value), maximum(max_value), **kwargs)

    def to_internal_value(self, data: str) -> int:
        if not _WHOLE_NUMBER.fullmatch(data):
            self.fail("int_parsing", data)
        return int(data)


class ClampedNumber(StrictField):
    """A number that nobody chose: beyond its range, the end of the range that is nearer."""

    json_types, type_code = (int, float), "number_type"

    def __init__(self, *, min_value: int, max_value: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_value, self.max_value = min_value, max_value

    def to_internal_value(self, data: float) -> float:
        return min(max(self.min_value, data), self.max_value)

    def json_schema(self) -> dict[str, Any]:
        about = f"Brought into {self.min_value} to {self.max_value}."
        return {"type": "number", "description": about}


class RoundedNumber(ClampedNumber):
    """A number that is stored as an integer, rounded half up."""

    def to_internal_value(self, data: float) -> int:
        number = super().to_internal_value(data)
        whole = math.floor(number)
        return whole + (number - whole >= 0.5)  # floor(number + 0.5) errs just below a half

    def json_schema(self) -> dict[str, Any]:
        schema = super().json_schema()
        return schema | {"description": f"Rounded half up. {schema['description']}"}


class Uuid(StrictField):
    """A UUID of any version, in canonical form."""

    json_types, type_code = (str,), "uuid_parsing"
    schema: ClassVar = {"type": "string", "format": "uuid"}

    def to_internal_value(self, data: str) -> UUID:
        id = uuid7.parse(data)
        if id is None:
            self.fail(self.type_code, data)
        return id


class List(StrictField):
    """A list, as DRF's ListField: of values of `child`, or of anything without one.

    The problems of all items are reported; too long a list is not read. With `allow_invalid`, an
    invalid item is the Invalid that says why, as long as another item is valid.
    """

    json_types, type_code = (list,), "list_type"

    def __init__(
        self,
        *,
        child: serializers.Field[Any, Any, Any, Any] | None = None,
        min_length: int,
        max_length: int,
        allow_invalid: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.child, self.min_length, self.max_length = child, min_length, max_length
        self.allow_invalid = allow_invalid

    def to_internal_value(self, data: list[Any]) -> list[Any]:
        if len(data) < self.min_length:
            self.fail("too_short", data, min_length=self.min_length)
        if len(data) > self.max_length:
            self.fail("too_long", data, max_length=self.max_length)
        return self._items(data, self.child.run_validation) if self.child else data

    def _items(self, data: list[Any], read: Callable[[Any], Any]) -> list[Any]:
        values: list[Any] = []
        errors: dict[int, Invalid] = {}  # by index
        for index, item in enumerate(data):
            try:
                values.append(read(item))
            except serializers.ValidationError as error:
                errors[index] = Invalid(*problems_of(error, item))
                values.append(errors[index])
        if errors and not (self.allow_invalid and len(errors) < len(values)):
            raise Invalid(
                *(each.inside(index) for index, error in errors.items() for each in error.problems)
            )
        return values

    def with_text(self, value: Any, text: JsonText) -> Any:
        return with_texts(self.child, value, text, at_most=self.max_length)

    def compiled(self) -> Compiled:
        child = compiled_field(self.child) if self.child else Compiled(Any)
        limits = Meta(min_length=self.min_length, max_length=self.max_length)
        kind = Annotated[list[child.type], limits]  # type: ignore[name-defined]
        read = child.read
        return Compiled(kind, read and (lambda items: [read(item) for item in items]))

    def json_schema(self) -> dict[str, Any]:
        about = {"description": "Invalid items fail alone, as long as one is valid."}
        return {
            "type": "array",
            "minItems": self.min_length,
            "maxItems": self.max_length,
            **(about if self.allow_invalid else {}),
        }
