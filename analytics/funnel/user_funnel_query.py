"""Parameters of a funnel of users"""

import re
from datetime import date, timedelta
from typing import Any, ClassVar

from django.http import QueryDict

from analytics.funnel.user_funnel import USUAL_STEPS, FunnelQuestion
from config.api.errors import Invalid
from config.api.fields import StrictField
from config.api.problems import Problem
from config.api.serializers import StrictSerializer

MIN_STEPS, MAX_STEPS = 2, 10
DAYS, MAX_DAYS = 28, 92
FIRST_YEAR, LAST_YEAR = 2000, 2099
ONCE = "{field} must not be repeated"
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
NO_DAY = f"{{field}} must be a day of the years {FIRST_YEAR} to {LAST_YEAR} such as 2026-10-01"


class EventNames(StrictField):
    """Names of events, one for each step."""

    json_types, type_code = (list,), "list_type"
    explode = True  # each by a parameter of its own, since names may have commas
    schema: ClassVar = {
        "type": "array",
        "items": {"type": "string", "pattern": "^[^\\u0000]*$"},
        "minItems": MIN_STEPS,
        "maxItems": MAX_STEPS,
        "examples": [list(USUAL_STEPS[:3])],
    }

    def to_internal_value(self, data: list[str]) -> list[str]:
        if not MIN_STEPS <= len(data) <= MAX_STEPS:
            message = f"{{field}} must be given {MIN_STEPS} to {MAX_STEPS} times"
            raise Invalid(Problem("steps", message=message))
        if any("\0" in name for name in data):
            raise Invalid(Problem("nul", message="{field} must not contain NUL characters"))
        return data


class Day(StrictField):
    """A day of UTC."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {"type": "string", "format": "date", "examples": ["2026-10-01"]}

    def to_internal_value(self, data: str) -> date:
        try:
            day = date.fromisoformat(data) if _DAY.fullmatch(data) else None
        except ValueError:
            day = None
        if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise Invalid(Problem("day", message=NO_DAY))
        return day


class UserFunnelQuery(StrictSerializer):
    """The steps, and the days of UTC of the sign-ups and of the events."""

    event = EventNames(
        default=None,
        help_text="The name of each step, in their order. Default: the usual steps.",
    )

    def get_fields(self) -> dict[str, Any]:
        about = {
            "from": f"The first day; default: so that there are {DAYS} days.",
            "to": f"The last day, at most {MAX_DAYS} with the first; default: today.",
        }
        days = {name: Day(default=None, help_text=text) for name, text in about.items()}
        return super().get_fields() | days

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        return [
            Problem("unknown", (name,), message="{field} is an unknown parameter")
            for name in data
            if name not in self.fields
        ]


QUERY = UserFunnelQuery()


def question_of(query: QueryDict, today: date) -> FunnelQuestion:
    """Return what is asked; raises Invalid."""
    sent = dict(query.lists())
    for name in ("from", "to"):
        if len(sent.get(name, [])) > 1:
            raise Invalid(Problem("repeated", (name,), message=ONCE))
    once = {name: texts if name == "event" else texts[0] for name, texts in sent.items()}
    values = QUERY.run_validation(once)
    last = values["to"] or today
    first = values["from"] or last - timedelta(days=DAYS - 1)
    return checked(FunnelQuestion(values["event"] or USUAL_STEPS, first, last))


def checked(question: FunnelQuestion) -> FunnelQuestion:
    """Return a question whose days are a range, and not too many; raises Invalid."""
    days = (question.last_day - question.first_day).days + 1
    if days < 1:
        raise Invalid(Problem("order", ("to",), message="{field} must not be before from"))
    if days > MAX_DAYS:
        message = f"{{field}} must be at most {MAX_DAYS} days before to, which counts"
        raise Invalid(Problem("too_long", ("from",), message=message))
    return question
