"""Goals and funnels to be: the rules of their values, and what keeps them from being stored"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from django.db import transaction
from msgspec import to_builtins

from config.api.bodies import Body
from config.api.errors import Conflict, Invalid, NotFound
from config.api.fields import OPTIONAL, Choice, Integer, List, Text
from config.api.problems import Problem
from config.api.rules import at_least, at_most
from config.api.serializers import StrictSerializer
from config.db import uuid7
from websites.goal_models import (
    MAX_PER_WEBSITE,
    ORDERS,
    SCOPES,
    SEQUENTIAL,
    SESSION,
    VISITOR,
    Funnel,
    Goal,
)
from websites.models import Website
from websites.new_website import room_for_another
from websites.steps import EVENT, KEY, NO_NUL, StepFields

MIN_STEPS, MAX_STEPS = 2, 10
MAX_WINDOW_DAYS = 90
NAME = (at_least(1), at_most(255), NO_NUL)
Definition = TypeVar("Definition", Goal, Funnel)


class GoalFields(StepFields):
    """A goal to be: page views of some pages, or custom events, which may have revenue."""

    name = Text(*NAME, sample="Purchase")
    revenueProperty = Text(
        *KEY,
        source="revenue_property",
        help_text="The property of the custom event that holds an amount, such as 19.90.",
        **OPTIONAL,
    )

    example: ClassVar[Any] = {
        "name": "Purchase",
        **StepFields.example,
        "revenueProperty": "amount",
    }

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        problems = super().problems_between(data, values)
        kind, revenue = values.get("kind", EVENT), values.get("revenue_property")
        if kind != EVENT and revenue is not None:
            problems.append(Problem("excluded", ("revenueProperty",), message="Needs kind=event"))
        return problems


def window_problems(values: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with who takes the steps of a funnel, and within how many days."""
    by_visitor = values.get("scope") == VISITOR
    has_window = values.get("window_days") is not None
    if by_visitor and not has_window:
        return [Problem("missing", ("windowDays",), message="Required with scope=visitor")]
    if has_window and not by_visitor:
        return [Problem("excluded", ("windowDays",), message="Needs scope=visitor")]
    return []


class FunnelFields(StrictSerializer):
    """A funnel to be: from 2 to 10 steps, taken in a session or by a visitor within some days."""

    name = Text(*NAME, sample="Checkout")
    steps = List(child=StepFields(), min_length=MIN_STEPS, max_length=MAX_STEPS)
    scope = Choice(
        *SCOPES,
        default=SESSION,
        help_text="Whether a session has to take the steps, or a visitor in any sessions.",
    )
    windowDays = Integer(
        min_value=1,
        max_value=MAX_WINDOW_DAYS,
        source="window_days",
        help_text="Within how many days of the first step; with scope=visitor alone.",
        **OPTIONAL,
    )
    order = Choice(
        *ORDERS,
        default=SEQUENTIAL,
        help_text="Whether there may be others between two steps (sequential), or no page view "
        "and no custom event, if the funnel has steps of that kind (strict).",
    )

    example: ClassVar[Any] = {
        "name": "Checkout",
        "steps": [
            {"kind": "page", "value": "/products/*"},
            {"kind": "page", "value": "/cart"},
            StepFields.example,
        ],
        "scope": "visitor",
        "windowDays": 7,
        "order": "sequential",
    }

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        if any(name in data and not self._is_valid(name, data) for name in ("scope", "windowDays")):
            return []
        return window_problems(values)

    def _is_valid(self, name: str, data: Mapping[str, Any]) -> bool:
        try:
            self.fields[name].run_validation(data[name])
        except Invalid:
            return False
        return True


class GoalChange(GoalFields):
    """What is to be different; whatever is left out stays."""

    example: ClassVar[Any] = {"name": "Renamed"}


class FunnelChange(FunnelFields):
    """What is to be different; whatever is left out stays."""

    example: ClassVar[Any] = {"name": "Renamed", "order": "strict"}


GOAL, FUNNEL = GoalFields(), FunnelFields()
# Of the description: whatever is sent is read as a part of the whole.
GOAL_CHANGE, FUNNEL_CHANGE = GoalChange(partial=True), FunnelChange(partial=True)
KINDS: Mapping[type[Goal] | type[Funnel], str] = {Goal: "goal", Funnel: "funnel"}


def not_found(model: type[Goal] | type[Funnel]) -> str:
    return f"{KINDS[model].capitalize()} not found"


def taken(model: type[Goal] | type[Funnel]) -> str:
    return f"This website has a {KINDS[model]} of this name"


def too_many(model: type[Goal] | type[Funnel]) -> str:
    return f"A website may have at most {MAX_PER_WEBSITE} {KINDS[model]}s"


def find(model: type[Definition], website: Website, id: str) -> Definition:
    """Return a goal or funnel of a website; raises NotFound."""
    parsed = uuid7.parse(id)
    found = model.objects.of_website(website.pk).filter(id=parsed).first() if parsed else None
    if found is None:
        raise NotFound(not_found(model))
    return found  # type: ignore[no-any-return]


def create(model: type[Definition], website: Website, values: Mapping[str, Any]) -> Definition:
    """Store a goal or funnel; raises Conflict, or NotFound if the website was deleted meanwhile."""
    others = model.objects.of_website(website.pk)
    with room_for_another(website, others, MAX_PER_WEBSITE, too_many(model)):
        definition = model(website_id=website.pk, **values)
        _require_free_name(definition)
        definition.save(force_insert=True)
    return definition


def change(
    definition: Definition,
    serializer: StrictSerializer,
    body_of: Callable[[Definition], Body],
    sent: Any,
) -> None:
    """Store what was sent of a goal or funnel; what is left out stays, and both must fit together.

    body_of: its body. Raises Invalid, Conflict, or NotFound if it was deleted meanwhile.
    """
    model = type(definition)
    with transaction.atomic(using="default"):
        Website.objects.select_for_update(no_key=True).filter(pk=definition.website_id).first()
        try:
            definition.refresh_from_db(from_queryset=model.objects.select_for_update())
        except model.DoesNotExist as error:
            raise NotFound(not_found(model)) from error
        whole = to_builtins(body_of(definition)) | sent if isinstance(sent, dict) else sent
        for name, value in serializer.run_validation(whole).items():
            setattr(definition, name, value)
        _require_free_name(definition)
        definition.save(force_update=True)


def _require_free_name(definition: Goal | Funnel) -> None:
    """Raise Conflict if another one of a locked website has the name of a goal or funnel."""
    model = type(definition)
    others = model.objects.of_website(definition.website_id).exclude(pk=definition.pk)
    if others.filter(name=definition.name).exists():
        raise Conflict(taken(model))
