"""Steps: what a goal counts, and what a funnel is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from config.api.fields import Choice, List, Text
from config.api.problems import Problem
from config.api.rules import Rule, at_least, at_most
from config.api.serializers import StrictSerializer

KINDS = (PAGE, EVENT) = ("page", "event")
OPERATORS = ("is", "not", "contains", "excludes", "matches", "known")
MAX_LENGTH = 2048  # of a page or a value; no URL is longer
MAX_KEY_LENGTH = 255  # of a property
MAX_PROPERTIES, MAX_VALUES = 10, 50  # conditions of a step, values of a condition

NO_NUL = Rule(lambda text: "\0" not in text, "nul", "NUL characters are not allowed")
KEY = (at_least(1), at_most(MAX_KEY_LENGTH), NO_NUL)


@dataclass(frozen=True, slots=True)
class PropertyCondition:
    """What a property of a custom event must be, as conditions of statistics say it."""

    key: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Page views of pages that fit a pattern, or custom events of a name whose properties fit.

    value: a path, in which `*` is any text within a segment and `**` any text; or a name.
    """

    kind: str
    value: str
    properties: tuple[PropertyCondition, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Return a step of its validated values."""
        properties = [
            PropertyCondition(each["key"], each["operator"], tuple(each["values"]))
            for each in stored["properties"]
        ]
        return cls(stored["kind"], stored["value"], tuple(properties))


class PropertyFields(StrictSerializer):
    """A condition on a property of a custom event."""

    key = Text(*KEY, sample="plan")
    operator = Choice(*OPERATORS)
    values = List(
        child=Text(at_least(1), at_most(MAX_LENGTH), NO_NUL), min_length=1, max_length=MAX_VALUES
    )

    example: ClassVar[Any] = {"key": "plan", "operator": "is", "values": ["pro", "team"]}

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        sent = values.get("values")
        if values.get("operator") != "known" or sent in (None, ["true"], ["false"]):
            return []
        message = "Expected one of true and false with known"
        return [Problem("value_error", ("values",), input=sent, message=message)]


class StepFields(StrictSerializer):
    """Which page views or custom events are meant."""

    kind = Choice(*KINDS)
    value = Text(
        at_least(1),
        at_most(MAX_LENGTH),
        NO_NUL,
        sample="/thanks/**",
        help_text="A path, in which `*` is any text within a segment and `**` any text; or the "
        "name of a custom event.",
    )
    properties = List(
        child=PropertyFields(),
        min_length=0,
        max_length=MAX_PROPERTIES,
        default=[],
        help_text="Of a custom event; all must fit.",
    )

    example: ClassVar[Any] = {
        "kind": "event",
        "value": "purchase",
        "properties": [PropertyFields.example],
    }

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        kind, value = values.get("kind"), values.get("value")
        problems = []
        if kind == PAGE and value is not None and not value.startswith(("/", "*")):
            message = "Expected a path or a pattern such as /blog/*"
            problems.append(Problem("value_error", ("value",), input=value, message=message))
        if kind == EVENT and value is not None and value.startswith("$"):
            message = "Names that begin with $ are reserved"
            problems.append(Problem("value_error", ("value",), input=value, message=message))
        if kind == PAGE and values.get("properties"):
            problems.append(Problem("excluded", ("properties",), message="Needs kind=event"))
        return problems
