"""Sessions by the weekday and the hour in which they begin."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from analytics.pages.access import website_page
from analytics.pages.charts import level
from analytics.pages.links import State
from analytics.pages.report import report
from analytics.reports.queries.hours_of_week import sessions_by_hour
from analytics.reports.questions.question import Question
from websites.models import Website

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = range(24)


@dataclass(frozen=True, slots=True)
class Field:
    """An hour of a weekday."""

    number: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Day:
    """The hours of a weekday."""

    name: str
    fields: list[Field]


@website_page()
@require_safe
def hours(request: HttpRequest, website: Website) -> HttpResponse:
    """Show at which hours of the week sessions begin."""
    return report(request, website, "pages/hours.html", _numbers)


def _numbers(question: Question, state: State) -> dict[str, Any]:
    numbers = sessions_by_hour(question)
    most = max(numbers.values(), default=0)
    days = [
        Day(name[:3], [_field(name, hour, numbers[day, hour], most) for hour in HOURS])
        for day, name in enumerate(WEEKDAYS)
    ]
    fields = [field for day in days for field in day.fields]
    busiest = max(fields, key=lambda field: field.number)
    return {
        "days": days,
        "hours": [f"{hour}:00" for hour in HOURS],
        "busiest": f"Most sessions began on {busiest.text}" if most else "No session began",
    }


def _field(day: str, hour: int, number: int, most: int) -> Field:
    text = f"{day} {hour}:00 to {hour + 1}:00: {number:,}"
    return Field(number, level(number / most if most else 0), text)
