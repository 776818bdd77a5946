"""The form of a funnel's definition."""

from typing import Any

from django.http import QueryDict

from analytics.pages.step_forms import KINDS, Fields, lines_of, problem_lines, properties_of
from config.api.errors import Conflict, Invalid
from websites.goal_models import SESSION, VISITOR
from websites.goals import MAX_STEPS
from websites.models import Funnel

STEP: Fields = {"kind": "page", "value": "", "properties": ""}
EMPTY: Fields = {"name": "", "scope": SESSION, "windowDays": "7", "order": "sequential"}
SCOPES = {SESSION: "Within a session", VISITOR: "By a visitor, within some days"}
ORDERS = {"sequential": "Anything may be in between", "strict": "Nothing may be in between"}
FORM_NAMES = {*STEP, "name", "scope", "windowDays", "order", "steps"}
FEW_STEPS = 4  # rows of a form that are open; the others are one click away


def fields_of(funnel: Funnel) -> Fields:
    return {
        "name": funnel.name,
        "scope": funnel.scope,
        "windowDays": str(funnel.window_days or EMPTY["windowDays"]),
        "order": funnel.order,
    }


def steps_of(funnel: Funnel) -> list[Fields]:
    return [each | {"properties": lines_of(each["properties"])} for each in funnel.steps]


def sent_fields(form: QueryDict) -> Fields:
    return {name: form.get(name, "") for name in EMPTY}


def sent_steps(form: QueryDict) -> list[Fields]:
    """Return the steps that were sent, without those that are empty."""
    lists = [form.getlist(name) for name in STEP]
    steps = [dict(zip(STEP, values, strict=True)) for values in zip(*lists, strict=False)]
    return [step for step in steps if step["value"] or step["properties"]]


def values_of(form: QueryDict) -> Fields:
    """Return what was sent as the API has it."""
    sent = sent_fields(form)
    days: Any = sent["windowDays"]
    if days.isascii() and days.isdigit() and len(days) < 5:
        days = int(days)
    steps = [step | {"properties": properties_of(step["properties"])} for step in sent_steps(form)]
    return sent | {"steps": steps, "windowDays": days if sent["scope"] == VISITOR else None}


def form_context(
    fields: Fields, steps: list[Fields], error: Invalid | Conflict | None = None
) -> dict[str, Any]:
    """Return what the template of the form needs."""
    rows = [*steps, *([STEP] * (MAX_STEPS - len(steps)))][:MAX_STEPS]
    few = max(FEW_STEPS, len(steps))
    errors = problem_lines(error.problems) if isinstance(error, Invalid) else []
    return {
        "fields": fields,
        "steps_of_form": rows[:few],
        "more_steps": rows[few:],
        "few": few,
        "form_names": FORM_NAMES,
        **{"kinds": KINDS, "scopes": SCOPES, "orders": ORDERS},
        "errors": [error.message] if isinstance(error, Conflict) else list(errors),
    }
