"""Rules of parameters: conditions, and what must hold of several together"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from analytics.reports.parameters.fields import (
    MAX_CONDITIONS,
    MAX_LENGTH,
    MAX_VALUES,
    OPERATORS,
    TIME,
    is_dimension,
    unknown,
)
from analytics.reports.queries.conditions import COLUMNS, PROPERTY, is_positive
from analytics.reports.questions.periods import Moment
from analytics.reports.questions.question import (
    COUNTS,
    GOAL,
    GOAL_METRICS,
    PAGE_METRICS,
    SHARE,
    Condition,
)
from config.api.problems import Problem
from config.api.rules import Rule, at_least, at_most

IS = "is"
UNKNOWN_PARAMETER = "Unknown parameter"
NO_NUL = Rule(lambda text: "\0" not in text, "nul", "NUL characters are not allowed")
VALUE_RULES = (at_least(1), at_most(MAX_LENGTH), NO_NUL)


def conditions_in(data: Mapping[str, Sequence[str]]) -> Iterator[Condition | Problem]:
    """Yield a condition for each parameter, or what is wrong with it."""
    for parameter, values in data.items():
        dimension, operator = _parts_of(parameter)
        if not is_dimension(dimension):
            yield Problem("unknown", (parameter,), message=UNKNOWN_PARAMETER)
        elif operator is not None and operator not in OPERATORS:
            yield unknown("operator", operator, OPERATORS).inside(parameter)
        elif dimension == GOAL and operator not in (None, "not"):
            yield unknown("operator", operator or "", ("not",)).inside(parameter)
        elif problem := _value_problem(operator, values):
            yield problem.inside(parameter)
        else:
            yield Condition(dimension, operator or IS, tuple(dict.fromkeys(values)))


def unknown_parameters(data: Mapping[str, Any]) -> list[Problem]:
    """Return a problem for each parameter, where there are no conditions."""
    names = data.get("conditions", {})
    return [Problem("unknown", (name,), message=UNKNOWN_PARAMETER) for name in names]


def _parts_of(parameter: str) -> tuple[str, str | None]:
    """Return the dimension and the operator; the key of a property may have `__` in it."""
    is_property = parameter.startswith(PROPERTY)
    part = parameter.rpartition if is_property else parameter.partition
    dimension, separator, operator = part("__")
    if not separator or (is_property and operator not in OPERATORS):
        return parameter, None
    return dimension, operator


def _value_problem(operator: str | None, values: Sequence[str]) -> Problem | None:
    """Return the first problem of the values of a condition."""
    if operator == "known":
        if len(values) > 1:
            return Problem("repeated", message="Must not be repeated")
        if values[0] not in ("true", "false"):
            return unknown("value", values[0], ("true", "false"))
    for rule in VALUE_RULES:
        for value in values:
            if not rule.accepts(value):
                return Problem(rule.code, input=value, context=rule.context, message=rule.message)
    return None


def condition_limit_problems(data: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Yield which parameter is the first beyond the number of conditions, or of values."""
    count = 0
    for number, (parameter, values) in enumerate(data.items(), 1):
        if number == MAX_CONDITIONS + 1:
            message = f"At most {MAX_CONDITIONS} conditions are allowed"
            yield Problem("too_many", (parameter,), message=message)
        if count <= MAX_VALUES < count + len(values):
            message = f"At most {MAX_VALUES} values are allowed"
            yield Problem("too_many", (parameter,), message=message)
        count += len(values)


def range_problems(data: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the ranges, as far as the clock does not matter."""
    for names in (("from", "to"), ("compareFrom", "compareTo")):
        pair = values[names[0]], values[names[1]]
        if None not in pair and (problem := order_problem(*pair, names)):
            yield problem
    excluding = {"period": ("from", "to"), "compare": ("compareFrom", "compareTo")}
    for name, pair in excluding.items():
        if name in data and any(each in data for each in pair):
            yield Problem("excluded", (name,), message=f"Excludes {pair[0]} and {pair[1]}")
    for name, other in (("compareFrom", "compareTo"), ("compareTo", "compareFrom")):
        if name in data and other not in data:
            yield Problem("missing", (other,))
    if "interval" in data and values["by"] != TIME:
        yield Problem("excluded", ("interval",), message="Needs by=time")


def order_problem(start: Moment, end: Moment, names: tuple[str, str]) -> Problem | None:
    """Return what is wrong with two ends of a range."""
    if isinstance(start, datetime) != isinstance(end, datetime):
        message = f"{names[0]} and {names[1]} must both be days, or both instants"
        return Problem("mixed", (names[0],), message=message)
    if start > end:
        return Problem("order", (names[0],), message=f"Must not be after {names[1]}")
    return None


def metric_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield which metrics need another `by`."""
    named = [("metrics", name) for name in values["metrics"]]
    named += [("sort", values["sort"].removeprefix("-"))] if values["sort"] else []
    for parameter, name in named:
        if name in PAGE_METRICS and values["by"] != "page":
            yield Problem("excluded", (parameter,), message=f"{name} needs by=page")
        if name == SHARE and values["by"] in (None, TIME):
            yield Problem("excluded", (parameter,), message=f"{name} needs a dimension in by")
        if name in GOAL_METRICS and (message := _goal_problem(values)):
            yield Problem("excluded", (parameter,), message=f"{name} needs {message}")
    others = [name for name in values["metrics"] if name != SHARE]
    if len(others) < len(values["metrics"]) and others[:1] not in [[name] for name in COUNTS]:
        message = f"share needs a count as the first other metric: {', '.join(COUNTS)}"
        yield Problem("excluded", ("metrics",), message=message)


def _goal_problem(values: Mapping[str, Any]) -> str | None:
    """Return what metrics of goals lack."""
    if values["by"] not in (None, TIME, GOAL, *COLUMNS):
        return "by=goal, by=time or a dimension of sessions"
    wanted = [each for each in values["conditions"] if each.dimension == GOAL]
    if values["by"] == GOAL or any(map(is_positive, wanted)):
        return None
    return "by=goal, or a goal"
