"""Fields of the parameters of a question."""

import re
from datetime import UTC, date, datetime, time
from typing import ClassVar

from analytics.reports.queries.conditions import COLUMNS, OF_NAMES, OF_PAGES, PROPERTY
from analytics.reports.questions.periods import Moment
from analytics.reports.questions.question import GOAL, METRICS
from config.api.errors import Invalid
from config.api.fields import StrictField
from config.api.problems import Problem
from config.api.timestamps import NotADate, parse_date
from config.db import uuid7

TIME = "time"
DIMENSIONS = (*OF_PAGES, *COLUMNS, *OF_NAMES, GOAL)
OPERATORS = ("not", "contains", "excludes", "matches", "known")
MAX_CONDITIONS, MAX_VALUES = 20, 50
MAX_LENGTH = 2048  # of a value; no URL is longer
MAX_KEY_LENGTH = 255  # of a property
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
# Of JSON Schema.
PROPERTY_NAME = r"property\.[^\u0000]{1,255}"
CONDITION_NAME = f"^({'|'.join(DIMENSIONS)}|{PROPERTY_NAME})(__({'|'.join(OPERATORS)}))?$"

_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile("[^ ]{10}[Tt].+(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})")
_DATE_MESSAGES = {
    "date": "Expected YYYY-MM-DD, or an instant with an offset such as Z or +02:00",
    "range": "Expected a date of the years 2000 to 2099",
}


class DayOrInstant(StrictField):
    """A day, or an instant with its offset from UTC."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {
        "type": "string",
        "description": (
            "`YYYY-MM-DD`, a whole day of the time zone, or an instant with an offset, such as "
            "`2026-10-01T09:30:00Z`; a `+` in it is `%2B` in a URL."
        ),
        "examples": ["2026-10-01"],
    }

    def to_internal_value(self, data: str) -> Moment:
        try:
            moment = self._read(data)
        except OverflowError:
            raise Invalid(Problem("range", message=_DATE_MESSAGES["range"])) from None
        except ValueError:
            raise Invalid(Problem("date", message=_DATE_MESSAGES["date"])) from None
        is_day = not isinstance(moment, datetime)
        at = datetime.combine(moment, time(), UTC) if is_day else moment
        if not EARLIEST <= at < LATEST:
            raise Invalid(Problem("range", message=_DATE_MESSAGES["range"]))
        return moment

    def _read(self, text: str) -> Moment:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _INSTANT.fullmatch(text):
            return uuid7.from_ms(parse_date(text))
        raise NotADate


class Metrics(StrictField):
    """Names of metrics, comma separated."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {
        "type": "array",
        "items": {"type": "string", "enum": list(METRICS)},
        "minItems": 1,
        "uniqueItems": True,
        "description": "Metrics, comma separated.",
        "examples": ["visitors,bounceRate,sessionDuration"],
    }

    def to_internal_value(self, data: str) -> tuple[str, ...]:
        names = tuple(data.split(","))
        problems = [unknown("metric", name, METRICS) for name in names if name not in METRICS]
        if len(set(names)) < len(names):
            problems.append(Problem("repeated", message="A metric is named twice"))
        if problems:
            raise Invalid(*problems)
        return names


class Sort(StrictField):
    """The metric by which rows are sorted, a `-` before it for the largest first."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {
        "type": "string",
        "enum": [f"{sign}{name}" for name in METRICS for sign in ("-", "")],
        "description": "A metric, with `-` the largest first. Default: the first metric so.",
        "examples": ["-visitors"],
    }

    def to_internal_value(self, data: str) -> str:
        name = data.removeprefix("-")
        if name not in METRICS:
            raise Invalid(unknown("metric", name, METRICS))
        return data


class Dimension(StrictField):
    """What rows are of: values of a dimension, or buckets of time."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {
        "type": "string",
        "anyOf": [{"enum": [TIME, *DIMENSIONS]}, {"pattern": f"^{PROPERTY_NAME}$"}],
        "description": (
            "A dimension, `property.` and the key of a property of custom events, or `time`. "
            "Without it there are only totals."
        ),
        "examples": ["country"],
    }

    def to_internal_value(self, data: str) -> str:
        if data != TIME and not is_dimension(data):
            raise Invalid(unknown("dimension", data, (TIME, *DIMENSIONS)))
        return data


class Conditions(StrictField):
    """All other parameters: conditions by dimension and operator, each with its values."""

    json_types, type_code = (dict,), "dict_type"
    schema: ClassVar = {
        "type": "object",
        "propertyNames": {"pattern": CONDITION_NAME},
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH},
        "maxProperties": MAX_CONDITIONS,
        "description": (
            "Conditions, each a parameter of its own: `country=DE` is one of a dimension, and "
            "`page__contains=/blog` one with an operator: `not`, `contains`, `excludes`, `matches` "
            "(`*` is any text within a segment, `**` any text) or `known` (`true` or `false`). "
            "One that is repeated fits with any of its values; of different ones all must fit. "
            f"At most {MAX_CONDITIONS}, with {MAX_VALUES} values in all. They choose sessions; "
            "those of a page, a hostname, an event or a link choose sessions that have one, and "
            "only what fits is counted of them. `goal` takes ids of goals, alone or with `not`."
        ),
        "examples": [{"country": "DE", "page__contains": "/blog"}],
    }


def is_dimension(name: str) -> bool:
    key = name.removeprefix(PROPERTY)
    is_property = key != name and 0 < len(key) <= MAX_KEY_LENGTH and "\0" not in key
    return is_property or name in DIMENSIONS


def unknown(kind: str, name: str, known: tuple[str, ...]) -> Problem:
    """Return the problem of a name that nothing has."""
    message = "Unknown {kind} '{input!s:.64}'. Expected {choices}"
    return Problem(
        "unknown", input=name, context={"kind": kind, "expected": known}, message=message
    )
