"""Segments to be: the rules of their names and filters, and what keeps them from being stored"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode

from analytics.reports.parameters.parameter_rules import (
    NO_NUL,
    condition_limit_problems,
    conditions_in,
)
from analytics.reports.questions.question import Condition
from config.api.errors import Conflict, Invalid
from config.api.fields import StrictField, Text
from config.api.problems import Problem
from config.api.rules import at_least, at_most
from config.api.serializers import StrictSerializer
from websites.models import Segment, Website
from websites.new_website import room_for_another

MAX_SEGMENTS, MAX_LENGTH = 100, 8000
TOO_MANY = f"A website has at most {MAX_SEGMENTS} segments"
TAKEN = "This website has a segment of this name"
Parameters = Mapping[str, Sequence[str]]


class Filters(StrictField):
    """Conditions, as the query of a link states them."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_LENGTH,
        "description": "Conditions as in the query of `stats`, without `?` and other parameters.",
        "examples": ["country=DE&country=AT&device__not=mobile"],
    }

    def to_internal_value(self, data: str) -> str:
        if len(data) > MAX_LENGTH:
            message = f"At most {MAX_LENGTH} characters are allowed"
            raise Invalid(Problem("too_long", message=message))
        parameters = parameters_of(data)
        problems = [each for each in conditions_in(parameters) if isinstance(each, Problem)]
        problems += condition_limit_problems(parameters)
        if not parameters:
            problems = [Problem("missing", message="At least one condition is required")]
        if problems:
            raise Invalid(*problems)
        return urlencode(parameters, doseq=True)


class NewSegment(StrictSerializer):
    """A segment to be."""

    name = Text(
        at_least(1, "Segment name is required"),
        at_most(255, "Segment name must be less than 255 characters"),
        NO_NUL,
        sample="Customers at a desk",
    )
    query = Filters()

    example: ClassVar[Any] = {
        "name": "Customers at a desk",
        "query": "page=/account&device=desktop",
    }


NEW = NewSegment()


def create_segment(website: Website, *, name: str, query: str) -> Segment:
    """Store a segment; raises Conflict, or NotFound for a website that was deleted meanwhile."""
    segments = Segment.objects.of_website(website.pk)
    with room_for_another(website, segments, MAX_SEGMENTS, TOO_MANY):
        if segments.filter(name=name).exists():
            raise Conflict(TAKEN)
        return Segment.objects.create(website=website, name=name, query=query)


def parameters_of(query: str) -> Parameters:
    """Return the parameters of a query, each value once."""
    found = parse_qs(query, keep_blank_values=True)
    return {name: tuple(dict.fromkeys(values)) for name, values in found.items()}


def conditions_of(segment: Segment) -> set[Condition]:
    """Return the conditions of a segment."""
    found = conditions_in(parameters_of(segment.query))
    return {each for each in found if isinstance(each, Condition)}
