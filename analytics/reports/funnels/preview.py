"""Funnels that are tried out: their definition stands in the parameters, and is not stored"""

import json
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.http import QueryDict

from analytics.reports.funnels.parameters import FunnelQuery, funnel_question
from analytics.reports.parameters.parameters import ONCE, by_field
from analytics.reports.questions.question import Question
from config.api.errors import Invalid
from config.api.fields import Choice, StrictField, WholeNumber
from config.api.problems import Problem
from websites.goal_models import ORDERS, SCOPES, SEQUENTIAL, SESSION
from websites.goals import FUNNEL, MAX_WINDOW_DAYS, FunnelFields, window_problems
from websites.models import Funnel, Website

MAX_LENGTH = 20_000


class Steps(StrictField):
    """The steps of a funnel, as JSON."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {
        "type": "string",
        "maxLength": MAX_LENGTH,
        "contentMediaType": "application/json",
        "description": "The `steps` of a funnel as JSON, as a `POST` of a funnel has them.",
        "examples": [json.dumps(FunnelFields.example["steps"])],
    }

    def to_internal_value(self, data: str) -> list[dict[str, Any]]:
        if len(data) > MAX_LENGTH:
            message = f"At most {MAX_LENGTH} characters are allowed"
            raise Invalid(Problem("too_long", message=message))
        try:
            steps = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            raise Invalid(Problem("json_invalid", message="Expected steps as JSON")) from None
        valid: list[dict[str, Any]] = FUNNEL.fields["steps"].run_validation(steps)
        return valid


class PreviewQuery(FunnelQuery):
    """What is asked of a funnel, and its definition."""

    steps = Steps(**ONCE)
    scope = Choice(*SCOPES, default=SESSION, **ONCE)
    windowDays = WholeNumber(
        min_value=1,
        max_value=MAX_WINDOW_DAYS,
        source="window_days",
        default=None,
        help_text="With `scope=visitor` alone.",
        **ONCE,
    )
    order = Choice(*ORDERS, default=SEQUENTIAL, **ONCE)

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        return [*super().problems_between(data, values), *window_problems(values)]


PREVIEW = PreviewQuery()


def preview_of(website: Website, query: QueryDict, now: datetime) -> tuple[Question, Funnel]:
    """Return what is asked of a funnel, and the funnel, which is not stored; raises Invalid."""
    values = PREVIEW.run_validation(by_field(query, PREVIEW))
    names = ("steps", "scope", "window_days", "order")
    funnel = Funnel(website=website, **{name: values[name] for name in names})
    steps = len(values["steps"])
    return funnel_question(website, query, now, steps=steps, serializer=PREVIEW), funnel


def parameters_of(values: dict[str, Any]) -> dict[str, str]:
    """Return the parameters that state a valid definition, as an API has it."""
    days = values["windowDays"]
    return {
        "steps": json.dumps(values["steps"], separators=(",", ":"), ensure_ascii=False),
        "scope": values["scope"],
        "order": values["order"],
        **({"windowDays": str(days)} if days else {}),
    }
