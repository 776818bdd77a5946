"""Strict serializers, of strict fields.

They are the one place where the rules of a payload are written. They are read as any DRF
serializer is, but raise `Invalid` with neutral problems, which a dialect words, and they are made
once: a DRF serializer that is built for every request costs more than the write.
"""

from functools import cached_property
from typing import Any, ClassVar

from rest_framework import serializers

from config.api.errors import (
    Invalid,
    Problem,
)
from config.api.fields import StrictField

_MISSING = object()


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
