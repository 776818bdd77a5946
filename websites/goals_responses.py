"""Response bodies of goals and funnels."""

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from msgspec import Meta, convert

from config.api.bodies import AlwaysTrue, Body, Count, Timestamp, enum, iso
from websites.goal_models import ORDERS, SCOPES, Funnel, Goal
from websites.goals import FunnelFields, GoalFields
from websites.steps import KINDS, OPERATORS

IDS = {
    "id": "019c0428-0ea0-7bae-841b-02c41ed0fd8b",
    "websiteId": "019c0428-0ea0-7bae-841b-02c41ed0fd8a",
}
CREATED = {"createdAt": "2026-01-28T10:31:00.000Z"}


class Property(Body):
    """A condition on a property of a custom event."""

    key: str
    operator: Annotated[str, enum(OPERATORS)]
    values: list[str]


class StepBody(Body):
    """Which page views or custom events are meant."""

    kind: Annotated[str, enum(KINDS)]
    value: Annotated[str, Meta(description="A path or a pattern, or the name of an event.")]
    properties: list[Property]


class GoalBody(Body, rename="camel"):
    """A goal of a website."""

    id: UUID
    website_id: UUID
    name: str
    kind: Annotated[str, enum(KINDS)]
    value: Annotated[str, Meta(description="A path or a pattern, or the name of an event.")]
    properties: list[Property]
    revenue_property: str | None
    created_at: Timestamp

    example: ClassVar[Any] = IDS | GoalFields.example | CREATED

    @classmethod
    def of(cls, goal: Goal) -> Self:
        return cls(
            id=goal.id,
            website_id=goal.website_id,
            name=goal.name,
            kind=goal.kind,
            value=goal.value,
            properties=convert(goal.properties, list[Property]),
            revenue_property=goal.revenue_property,
            created_at=iso(goal.created_at),
        )


class GoalList(Body):
    """All goals of a website, the oldest first."""

    goals: list[GoalBody]
    total: Count

    example: ClassVar[Any] = {"goals": [GoalBody.example], "total": 1}


class FunnelBody(Body, rename="camel"):
    """A funnel of a website."""

    id: UUID
    website_id: UUID
    name: str
    steps: list[StepBody]
    scope: Annotated[str, enum(SCOPES)]
    window_days: Annotated[int | None, Meta(description="With `scope` visitor, else null.")]
    order: Annotated[str, enum(ORDERS)]
    created_at: Timestamp

    example: ClassVar[Any] = (
        IDS
        | FunnelFields.example
        | {
            "steps": [
                step | {"properties": step.get("properties", [])}
                for step in FunnelFields.example["steps"]
            ]
        }
        | CREATED
    )

    @classmethod
    def of(cls, funnel: Funnel) -> Self:
        return cls(
            id=funnel.id,
            website_id=funnel.website_id,
            name=funnel.name,
            steps=convert(funnel.steps, list[StepBody]),
            scope=funnel.scope,
            window_days=funnel.window_days,
            order=funnel.order,
            created_at=iso(funnel.created_at),
        )


class FunnelList(Body):
    """All funnels of a website, the oldest first."""

    funnels: list[FunnelBody]
    total: Count

    example: ClassVar[Any] = {"funnels": [FunnelBody.example], "total": 1}


class GoalDeleted(Body):
    """The goal is gone; the events stay."""

    success: AlwaysTrue = True
    message: Literal["Goal deleted successfully"] = "Goal deleted successfully"

    example: ClassVar[Any] = {"success": True, "message": "Goal deleted successfully"}


class FunnelDeleted(Body):
    """The funnel is gone; the events stay."""

    success: AlwaysTrue = True
    message: Literal["Funnel deleted successfully"] = "Funnel deleted successfully"

    example: ClassVar[Any] = {"success": True, "message": "Funnel deleted successfully"}
