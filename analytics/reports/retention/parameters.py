"""Parameters of a question about retention, and the question that they ask."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict

from analytics.reports.parameters.fields import Conditions
from analytics.reports.parameters.parameters import ONCE, ZONE_HELP, by_field, read_conditions
from analytics.reports.queries.goal_conditions import with_goals
from analytics.reports.questions.buckets import WEEK, local_day, start_of, start_of_week
from analytics.reports.questions.question import Question, Range
from config.api.fields import Text, WholeNumber
from config.api.problems import Problem
from config.api.serializers import StrictSerializer
from websites.models import Website
from websites.settings import IANA_NAME

DEFAULT_WEEKS, MAX_WEEKS = 12, 53


class RetentionQuery(StrictSerializer):
    """How many weeks are asked for, of which clock and of whom."""

    weeks = WholeNumber(min_value=1, max_value=MAX_WEEKS, default=DEFAULT_WEEKS, **ONCE)
    timezone = Text(IANA_NAME, default=None, sample="Europe/Berlin", help_text=ZONE_HELP, **ONCE)
    conditions = Conditions(default={})

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        return read_conditions(data, values)


RETENTION = RetentionQuery()


def retention_question(website: Website, query: QueryDict, now: datetime) -> Question:
    """Return what is asked of some weeks, the last of which is running; raises Invalid."""
    values = RETENTION.run_validation(by_field(query, RETENTION))
    zone = ZoneInfo(values["timezone"] or website.timezone)
    end = start_of_week(local_day(now, zone)) + WEEK
    return Question(
        website=website,
        range=Range(start_of(end - WEEK * values["weeks"], zone), start_of(end, zone)),
        timezone=zone,
        now=now,
        metrics=("visitors",),
        by="time",
        interval="week",
        conditions=tuple(with_goals(website, values["conditions"])),
    )
