"""Serializers compiled into decoders, which read valid bodies in two fifths of the time.

msgspec decodes JSON into a Struct that has the fields of a serializer, and checks types, choices
and lengths on its way; what else a field demands is checked after it. What either refuses is read
by the serializer itself, which knows the words for what is wrong: a decoder may refuse what the
serializer accepts, and never the other way round.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from rest_framework.serializers import ValidationError

Read = Callable[[Any], Any]
JsonText = bytes | msgspec.Raw


class Compiled(NamedTuple):
    """What a decoder accepts, and what makes the value of that; it may raise ValidationError."""

    type: Any
    read: Read | None = None


class Member(NamedTuple):
    """A field of an object: its key in values and in JSON, and its default, NODEFAULT without."""

    source: str
    name: str
    compiled: Compiled
    default: Any


def compiled_field(field: Any) -> Compiled:
    """Return what accepts the values of a field; raises TypeError where nothing can."""
    if not hasattr(field, "compiled"):
        raise TypeError(f"The field {field.field_name} cannot be compiled: it is no StrictField")
    return field.compiled()  # type: ignore[no-any-return]


def compiled_object(name: str, members: Sequence[Member], is_valid: Read | None) -> Compiled:
    """Return what accepts an object with these members, and reads it as a dict.

    `is_valid` is called with the values; null and absent ones are not read any further.
    """
    kind = msgspec.defstruct(
        name,
        [(each.source, each.compiled.type, each.default) for each in members],
        rename={each.source: each.name for each in members},
        kw_only=True,
        gc=False,
    )
    steps = [(each.source, each.compiled.read) for each in members if each.compiled.read]

    def read(decoded: Any) -> dict[str, Any]:
        values = msgspec.structs.asdict(decoded)
        for source, read_member in steps:
            value = values[source]
            if value is not None:
                values[source] = read_member(value)
        if is_valid and not is_valid(values):
            raise ValidationError
        return values

    return Compiled(kind, read)


def decoder_of(compiled: Compiled) -> Callable[[bytes], Any]:
    """Return what reads JSON texts, and returns None for one that it refuses."""
    decode, read = msgspec.json.Decoder(compiled.type).decode, compiled.read

    def decoder(text: bytes) -> Any:
        try:
            decoded = decode(text)
            return read(decoded) if read else decoded
        except (msgspec.DecodeError, ValidationError):
            return None

    return decoder


def with_texts(item: Any, value: Any, text: JsonText, *, at_most: int) -> Any:
    """Return the value of a JSON text; if it is a list, with the texts that its items keep.

    A list of more items, which will be refused, stays as it is.
    """
    if type(value) is not list or len(value) > at_most or not hasattr(item, "with_text"):
        return value
    texts = msgspec.json.decode(text, type=list[msgspec.Raw])
    return [item.with_text(*pair) for pair in zip(value, texts, strict=True)]
