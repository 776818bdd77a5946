"""Fields of steps in forms: conditions on properties are lines such as `plan is pro`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from config.api.problems import Problem
from websites.steps import EVENT, OPERATORS, PAGE

Fields = dict[str, Any]
LINE = re.compile(f"(.+?) ({'|'.join(OPERATORS)}) (.+)")
KINDS = {PAGE: "Page", EVENT: "Custom event"}


def lines_of(properties: Iterable[Mapping[str, Any]]) -> str:
    """Return conditions as lines, one for each value."""
    return "\n".join(
        f"{each['key']} {each['operator']} {value}"
        for each in properties
        for value in each["values"]
    )


def properties_of(text: str) -> list[Fields]:
    """Return the conditions that lines state; one without an operator has none, and is invalid."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        match = LINE.fullmatch(line)
        key, operator, value = match.groups() if match else (line, "", "")
        found.setdefault((key, operator), []).append(value)
    return [
        {"key": key, "operator": operator, "values": values}
        for (key, operator), values in found.items()
    ]


def problem_lines(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield what is wrong with a form, once each."""
    yield from dict.fromkeys(map(_problem_line, problems))


def _problem_line(problem: Problem) -> str:
    location = problem.location
    if "operator" in location:
        return f"{_step_text(location)}Conditions are lines such as: plan is pro"
    names = {
        "value": "Page or event",
        "properties": "Conditions",
        "windowDays": "Days",
        "at": "When",
    }
    own = location[2:] if len(location) > 1 and location[0] == "steps" else location
    name = names.get(str(own[0]), str(own[0]).capitalize()) if own else ""
    return f"{_step_text(location)}{name}: {problem.describe()}"


def _step_text(location: tuple[str | int, ...]) -> str:
    numbers = [part for part in location[1:2] if isinstance(part, int) and location[0] == "steps"]
    return f"Step {numbers[0] + 1}: " if numbers else ""
