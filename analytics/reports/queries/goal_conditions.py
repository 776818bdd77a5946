"""Conditions on goals, with the goals that their ids name"""

from collections.abc import Iterator, Sequence

from analytics.reports.queries.conditions import is_positive
from analytics.reports.questions.question import GOAL, Condition, GoalCondition
from config.api.errors import Invalid
from config.api.problems import Problem
from websites.models import Goal, Website


def with_goals(website: Website, conditions: Sequence[Condition]) -> Iterator[Condition]:
    """Yield conditions, those on goals with these; raises Invalid for one that does not exist."""
    for each in conditions:
        yield _with_goals(website, each) if each.dimension == GOAL else each


def _with_goals(website: Website, condition: Condition) -> GoalCondition:
    goals = {str(goal.pk): goal for goal in Goal.objects.of_website(website.pk)}
    for id in condition.values:
        if id.lower() not in goals:
            name = GOAL if is_positive(condition) else f"{GOAL}__{condition.operator}"
            problem = Problem("unknown", input=id, message="Unknown goal '{input!s:.64}'")
            raise Invalid(problem.inside(name))
    found = tuple(goals[id.lower()] for id in condition.values)
    return GoalCondition(condition.dimension, condition.operator, condition.values, found)
