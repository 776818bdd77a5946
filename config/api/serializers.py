"""Strict serializers: DRF's, but made once for all requests."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import msgspec
from django.core.exceptions import ValidationError as DjangoError
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.settings import api_settings

from config.api.compiled import (
    Compiled,
    JsonText,
    Member,
    compiled_field,
    compiled_object,
    decoder_of,
)
from config.api.errors import Invalid
from config.api.problems import Problem, problems_of
from config.api.request_body import Json

# Name, key of the value, what validates it, whether it may be null, the problem when it is absent.
_Step = tuple[str, str, Callable[[Any], Any], bool, Problem | None]


class StrictSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A DRF serializer that is made once, and whose `run_validation` is called for each body.

    DRF copies all fields for each serializer, and looks up their options for each value, which
    costs more than the write. Here the first body makes a plan of the fields, and all use it.

    Raises Invalid with the problems of all fields, in their order. An absent field becomes its
    `default`, a constant; without one, or if the serializer is partial, it is left out. Checks of
    one field are its rules: there is no `validate_<field>`. Those of several fields go into
    `problems_between`, or into DRF's `validate`, which is called once all fields are valid.

    Once it is compiled, `read` is quick for valid bodies.

    `example` is a valid body, for the description of the API.
    """

    type_code = "dict_type"
    example: ClassVar[Any] = None
    _errors: Any
    _decoder: Callable[[bytes], Any] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, field in cls._declared_fields.items():
            if hasattr(cls, f"validate_{name}"):
                raise TypeError(f"{cls.__name__}: validate_{name} must be a rule of the field")
            if callable(field.default) and field.default is not empty:
                raise TypeError(f"{cls.__name__}: the default of {name} must be a constant")

    def compile(self) -> Self:
        """Make `read` quick; raises TypeError for a field that cannot be compiled."""
        self._decoder = decoder_of(self.compiled())
        return self

    def read(self, sent: Json) -> dict[str, Any]:
        """Return the values of a body, of objects of any content their texts; raises Invalid."""
        values = self._decoder(sent.text) if self._decoder else None
        if values is None:
            return self.run_validation(self.with_text(sent.value, sent.text))
        return values  # type: ignore[no-any-return]

    def is_valid(self, *, raise_exception: bool = False) -> bool:
        is_valid = super().is_valid()
        if isinstance(self._errors, list):  # of the body as a whole
            self._errors = {api_settings.NON_FIELD_ERRORS_KEY: self._errors}
        if raise_exception and not is_valid:
            self.run_validation(self.initial_data)  # raises Invalid, which knows more than errors
        return is_valid

    def run_validation(self, data: Any = empty) -> dict[str, Any]:
        """Return the values of a body; raises Invalid."""
        values = self.to_internal_value(data)
        try:
            validated: dict[str, Any] = self.validate(values)
        except (serializers.ValidationError, DjangoError) as error:
            raise Invalid(*problems_of(error, data)) from error
        return validated

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if type(data) is not dict:
            raise Invalid(Problem("dict_type", input=None if data is empty else data))
        values = self._defaults.copy()
        problems: list[Problem] = []
        for name, source, read, nullable, missing in self._plan:
            value = data.get(name, empty)
            if value is empty:
                if missing:
                    problems.append(missing.of(data))
            elif value is None and nullable:
                values[source] = None
            else:
                try:
                    values[source] = read(value)
                except serializers.ValidationError as error:
                    problems += [each.inside(name) for each in problems_of(error, value)]
        problems += self.problems_between(data, values)
        if problems:
            raise Invalid(*problems)
        return values

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        """Return the problems of fields together; in `values` an invalid field has its default."""
        return []

    def with_text(self, value: Any, text: JsonText) -> Any:
        """Return the value of a JSON text, with the texts of objects whose texts are kept."""
        if type(value) is not dict or not self._fields_with_texts:
            return value
        texts = self._texts.decode(text)
        found = {
            name: field.with_text(value[name], getattr(texts, name))
            for name, field in self._fields_with_texts.items()
            if name in value
        }
        return value | found

    def compiled(self) -> Compiled:
        """Return what accepts valid bodies, and reads them; raises TypeError."""
        own = type(self)
        if self.partial or own.validate is not serializers.Serializer.validate:
            raise TypeError(f"{own.__name__} cannot be compiled: it is partial, or has `validate`")
        has_more = own.problems_between is not StrictSerializer.problems_between
        members = [_member(name, field) for name, field in self.fields.items()]
        return compiled_object(own.__name__, members, self._is_consistent if has_more else None)

    def _is_consistent(self, values: dict[str, Any]) -> bool:
        return not self.problems_between(values, values)

    @cached_property
    def _fields_with_texts(self) -> dict[str, Any]:
        return {name: field for name, field in self.fields.items() if hasattr(field, "with_text")}

    @cached_property
    def _texts(self) -> msgspec.json.Decoder[Any]:
        members = [(name, msgspec.Raw, None) for name in self._fields_with_texts]
        return msgspec.json.Decoder(msgspec.defstruct("Texts", members))

    @cached_property
    def _plan(self) -> Sequence[_Step]:
        return [
            (name, str(field.source), field.run_validation, field.allow_null, missing)
            for name, field in self.fields.items()
            for missing in [_missing(name, field) if field.required and not self.partial else None]
            if not field.read_only
        ]

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return {
            str(field.source): field.default
            for field in self.fields.values()
            if not (self.partial or field.read_only or field.default is empty)
        }


def _missing(name: str, field: serializers.Field[Any, Any, Any, Any]) -> Problem:
    context = {"type_code": getattr(field, "type_code", "")}
    message = str(field.error_messages.get("missing", ""))
    return Problem("missing", (name,), context=context, message=message)


def _member(name: str, field: serializers.Field[Any, Any, Any, Any]) -> Member:
    accepted, read = compiled_field(field)
    if field.read_only or not (field.required or field.default is None or not read):
        raise TypeError(f"The field {name} cannot be compiled: its default would be validated")
    if not field.required and field.default is empty:
        raise TypeError(f"The field {name} cannot be compiled: it may be absent, without a default")
    kind = accepted | None if field.allow_null and accepted is not msgspec.Raw else accepted
    default = msgspec.NODEFAULT if field.required else field.default
    return Member(str(field.source), name, Compiled(kind, read), default)
