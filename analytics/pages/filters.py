"""The filters of a page as chips."""

from collections.abc import Iterable

from analytics.pages.links import Link, State
from analytics.pages.texts import DIMENSIONS, NOTHING
from analytics.reports.labels import label
from analytics.reports.questions.question import Condition, GoalCondition


def chips(conditions: Iterable[Condition], state: State) -> list[Link]:
    """Return the filters, each with a link that removes it."""
    return [
        Link(_condition_text(each, value), state.removing(parameter(each), value))
        for each in conditions
        for value in each.values
    ]


def parameter(condition: Condition) -> str:
    """Return the name of the parameter that states a condition."""
    is_plain = condition.operator == "is"
    return condition.dimension if is_plain else f"{condition.dimension}__{condition.operator}"


def _condition_text(condition: Condition, value: str) -> str:
    name = DIMENSIONS.get(condition.dimension, condition.dimension)
    if condition.operator == "known":
        return f"{name} is {'known' if value == 'true' else 'unknown'}"
    is_whole = condition.operator in ("is", "not")
    known = label(condition.dimension, value) if is_whole else None
    if isinstance(condition, GoalCondition):
        known = next(goal.name for goal in condition.goals if str(goal.pk) == value.lower())
    text = known or value or NOTHING
    verbs = {"is": "is", "not": "is not", "excludes": "does not contain"}
    return f"{name} {verbs.get(condition.operator, condition.operator)} {text}"
