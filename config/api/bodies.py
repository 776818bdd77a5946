"""Bodies of responses: the base of their Structs, and the types that several of them share."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta, Struct


class Body(Struct, forbid_unknown_fields=True):
    """An object with exactly these keys, in this order.

    What is sent and what the OpenAPI document says come from the same class: its docstring and
    its fields' `Meta` are the descriptions there. A field with a default is always sent; one that
    may be left out has the default UNSET.
    `example` is a body as JSON, for the document.
    """

    example: ClassVar[Any] = None

    @classmethod
    def from_attributes(cls, source: object) -> Self:
        """Return the body of a model or row whose attributes have the names of the fields."""
        values = _attributes(cls)(source)
        return cls(*[iso(value) if isinstance(value, datetime) else value for value in values])


class Csv(str):
    """The body of a response with comma separated values."""

    __slots__ = ()


@cache
def _attributes(body: type[Body]) -> Callable[[object], tuple[Any, ...]]:
    return attrgetter(*body.__struct_fields__)


def enum(values: Iterable[str | bool]) -> Meta:
    return Meta(extra_json_schema={"enum": list(values)})


def pattern(regex: str) -> Meta:
    """Return the annotation of a text of a certain form."""
    return Meta(extra_json_schema={"pattern": regex})


Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]  # made by iso()
AlwaysTrue = Annotated[bool, enum([True])]
AlwaysFalse = Annotated[bool, enum([False])]
Count = Annotated[int, Meta(ge=0)]


@lru_cache(maxsize=1024)  # most events of a batch have one time
def iso(at: datetime) -> Timestamp:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
