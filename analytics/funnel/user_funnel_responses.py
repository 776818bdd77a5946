"""The response body of a funnel of users"""

from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta

from analytics.funnel import user_funnel
from analytics.funnel.user_funnel import FunnelQuestion
from config.api.bodies import AlwaysTrue, Body, Count

Percent = Annotated[float, Meta(ge=0, le=100)]
Seconds = Annotated[float, Meta(ge=0)]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]


class FunnelStep(Body, rename="camel"):
    """How many users reached a step. Of the first one there is no step before.

    `dropOff` is how many did not come from the step before; `medianSeconds` is how long the others
    took from there.
    """

    event: str
    users: Count
    conversion_from_first: Percent | None
    conversion_from_previous: Percent | None
    drop_off: Count | None
    median_seconds: Seconds | None


class FunnelDay(Body, rename="camel"):
    """The users who signed up on a day, how many reached each step, and the last of the first."""

    day: Day
    signups: Count
    steps: list[Count]
    conversion_rate: Percent | None


class UserFunnelData(Body, rename="camel"):
    """The steps, and the days of UTC on which somebody signed up."""

    first_day: Day
    last_day: Day
    signups: Count
    steps: list[FunnelStep]
    days: list[FunnelDay]


class UserFunnel(Body, kw_only=True):
    """How far users come."""

    success: AlwaysTrue = True
    data: UserFunnelData

    example: ClassVar[Any] = {
        "success": True,
        "data": {
            "firstDay": "2026-10-01",
            "lastDay": "2026-10-28",
            "signups": 131,
            "steps": [
                {
                    "event": "signup_started",
                    "users": 120,
                    "conversionFromFirst": 100.0,
                    "conversionFromPrevious": None,
                    "dropOff": None,
                    "medianSeconds": None,
                },
                {
                    "event": "profile_saved",
                    "users": 75,
                    "conversionFromFirst": 62.5,
                    "conversionFromPrevious": 62.5,
                    "dropOff": 45,
                    "medianSeconds": 92.4,
                },
            ],
            "days": [
                {"day": "2026-10-01", "signups": 131, "steps": [120, 75], "conversionRate": 62.5}
            ],
        },
    }

    @classmethod
    def of(cls, question: FunnelQuestion, found: user_funnel.UserFunnel) -> Self:
        days = [
            FunnelDay(day.day.isoformat(), day.signups, day.steps, day.conversion_rate)
            for day in found.days
        ]
        return cls(
            data=UserFunnelData(
                first_day=question.first_day.isoformat(),
                last_day=question.last_day.isoformat(),
                signups=found.signups,
                steps=[FunnelStep.from_attributes(step) for step in found.steps],
                days=days,
            )
        )
