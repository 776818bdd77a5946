"""Revenue of goals: amounts in a property of the custom events that reach them"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple, Self

from django.db import connections

from analytics.reports.models import WebsiteSession
from analytics.reports.queries.conditions import COLUMNS, EVENTS_OF_RANGE, Parameters
from analytics.reports.queries.goal_steps import has_properties, is_named, of_session
from analytics.reports.queries.session_query import range_values
from analytics.reports.queries.session_statements import OVERLAP, SESSIONS
from analytics.reports.questions.buckets import edges_of
from analytics.reports.questions.question import GoalCondition, Question, Range
from config.db.routers import home
from websites.models import Goal

# A number, or a text that is one. More digits before the point are no amount of money, however they
# are written; their sums would have more digits than Decimal rounds.
AMOUNT = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?$"
BEYOND = 10**15
STATEMENT = f"""
SELECT {{key}}, count(amount), sum(amount)
  FROM (
    SELECT session_id, created_at AS at, CASE {{amounts}} END AS text
      FROM analytics_event AS event WHERE {EVENTS_OF_RANGE} AND ({{reaches}})
  ) AS event
  JOIN {SESSIONS} ON hashtext(event.session_id) = hashtext(session.session_id)
                 AND event.session_id = session.session_id
 CROSS JOIN LATERAL (
    SELECT CASE WHEN event.text ~ %(amount)s THEN event.text::numeric END AS amount
  ) AS conversion
 WHERE {{sessions}} AND abs(amount) < {BEYOND}
 GROUP BY 1
"""
Key = str | int | None  # a value, or the number of a bucket


class Revenue(NamedTuple):
    """The sum of some amounts."""

    events: int = 0
    amount: Decimal = Decimal(0)

    @classmethod
    def sum(cls, some: Iterable["Revenue"]) -> Self:
        parts = list(some)
        return cls(
            sum(each.events for each in parts), sum((each.amount for each in parts), Decimal(0))
        )

    @property
    def average(self) -> Decimal | None:
        return self.amount / self.events if self.events else None


def revenue_by(question: Question, range: Range, goals: Sequence[Goal]) -> dict[Key, Revenue]:
    """Return the revenue of the events that reach one of some goals, by value or by bucket.

    An event that reaches several counts once, by the first that knows its revenue.
    """
    goals = [goal for goal in goals if goal.revenue_property is not None]
    if not goals:
        return {}
    parameters = Parameters({"amount": AMOUNT})
    sql = STATEMENT.format(
        key=_key(question, range, parameters),
        amounts=" ".join(_amount(goal, parameters) for goal in goals),
        reaches=" OR ".join(_reaches(goal, parameters) for goal in goals),
        sessions=" AND ".join([OVERLAP, *_conditions(question, parameters)]),
    )
    values = range_values(question.website.pk, range, bots=question.bots_only)
    with connections[home(WebsiteSession)].cursor() as cursor:
        cursor.execute(sql, parameters.values | values)
        return {key: Revenue(events, amount) for key, events, amount in cursor}


def _key(question: Question, range: Range, parameters: Parameters) -> str:
    if question.by is None:
        return "NULL::text"
    if column := COLUMNS.get(question.by):
        return f"session.{column}"
    edges = edges_of(range, question.interval or "", question.timezone)
    return f"width_bucket(event.at, {parameters.add(edges)}::timestamptz[]) - 1"


def _reaches(goal: Goal, parameters: Parameters) -> str:
    return f"({is_named(goal.step, parameters)} AND {has_properties(goal.step, parameters)})"


def _amount(goal: Goal, parameters: Parameters) -> str:
    amount = f"event.properties ->> {parameters.add(goal.revenue_property)}"
    return f"WHEN {_reaches(goal, parameters)} THEN {amount}"


def _conditions(question: Question, parameters: Parameters) -> Iterable[str]:
    """Yield the conditions on sessions; those that reach a goal have such an event."""
    for each in question.conditions:
        if not isinstance(each, GoalCondition) or each.operator == "not":
            yield of_session(each, parameters)
