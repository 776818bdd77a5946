"""Steps of goals and funnels as SQL: which hits fit, and which sessions may have one

What asks of sessions and hits under any conditions, those on goals among them, begins here.
"""

from collections.abc import Sequence

from analytics.reports.queries import conditions
from analytics.reports.queries.conditions import (
    EVENTS_OF_RANGE,
    HITS,
    PROPERTY,
    Parameters,
    is_positive,
    of_event,
)
from analytics.reports.questions.question import Condition, GoalCondition
from websites.models import Goal
from websites.steps import PAGE, Step

# Which of the hits of this name and this millisecond in its session a hit is.
OCCURRENCE = """
(SELECT count(*) FROM generate_series(1, hit.position) AS n
  WHERE session.hit_times[n] = hit.time AND session.hit_names[n] = hit.name
    AND lower(substr(session.hit_types, n::int, 1)) = 'c')
"""
# Hits have no properties, so they are found by their events; several may have one millisecond.
FITTING_EVENTS = f"""
SELECT session_id, created_at, occurrence FROM (
    SELECT session_id, created_at, properties,
           row_number() OVER (PARTITION BY session_id, created_at ORDER BY id) AS occurrence
      FROM analytics_event AS event
     WHERE {EVENTS_OF_RANGE} AND {{is_named}}
) AS event WHERE {{fits}}
"""
# A row for each goal that a hit reaches.
REACHED_GOALS = """
CROSS JOIN LATERAL (SELECT unnest(ARRAY[{ids}]) AS id) AS goal
"""


def of_hit(step: Step, parameters: Parameters) -> str:
    """Return whether a hit fits a step; with properties, only within the range of the statement."""
    fits = conditions.of_hit(condition_of(step), parameters)
    if step.kind == PAGE:
        return f"(lower(hit.type) = 'p' AND {fits})"
    if not step.properties:
        return fits
    at = "session.created_at + hit.time * interval '1 ms'"
    return (
        f"({fits} AND (session.session_id, {at}, {OCCURRENCE}) IN "
        f"({fitting_events(step, parameters)}))"
    )


def may_have(step: Step, parameters: Parameters) -> str:
    """Return a quick test that all sessions pass which have a fitting hit."""
    if step.properties:
        events = fitting_events(step, parameters)
        return f"session.session_id IN (SELECT session_id FROM ({events}) AS event)"
    return conditions.of_session(condition_of(step), parameters)


def fitting_events(step: Step, parameters: Parameters) -> str:
    """Return a statement that selects the custom events that fit a step, in the range."""
    return FITTING_EVENTS.format(
        is_named=is_named(step, parameters), fits=has_properties(step, parameters)
    )


def is_named(step: Step, parameters: Parameters) -> str:
    """Return whether a custom event has the name of a step."""
    name = f"event.properties ->> 'name' = {parameters.add(step.value)}"
    return f"{name} AND json_typeof(event.properties -> 'name') = 'string'"


def has_properties(step: Step, parameters: Parameters) -> str:
    """Return whether the properties of a custom event fit a step."""
    fits = [
        of_event(Condition(f"{PROPERTY}{each.key}", each.operator, each.values), parameters)
        for each in step.properties
    ]
    return " AND ".join(fits) or "true"


def of_session(condition: Condition, parameters: Parameters) -> str:
    """Return whether a session fits a condition."""
    if not isinstance(condition, GoalCondition):
        return conditions.of_session(condition, parameters)
    fits = " OR ".join(_has(goal.step, parameters) for goal in condition.goals)
    return f"({fits})" if is_positive(condition) else f"({fits}) IS NOT TRUE"


def hit_restriction(some: Sequence[Condition], parameters: Parameters) -> str:
    """Return which hits count under conditions; nothing where all do.

    With a goal those that reach it: other conditions only choose sessions then.
    """
    goals = [each for each in some if isinstance(each, GoalCondition) and is_positive(each)]
    if not goals:
        others = [each for each in some if not isinstance(each, GoalCondition)]
        return conditions.hit_restriction(others, parameters)
    return " AND ".join(
        f"({' OR '.join(of_hit(goal.step, parameters) for goal in each.goals)})" for each in goals
    )


def reached_goals(goals: Sequence[Goal], parameters: Parameters) -> str:
    """Return what joins hits with the goals that they reach, null for one that they do not."""
    ids = [
        f"CASE WHEN {of_hit(goal.step, parameters)} THEN {parameters.add(str(goal.pk))}::text END"
        for goal in goals
    ]
    return REACHED_GOALS.format(ids=", ".join(ids) or "NULL::text")


def may_reach(goals: Sequence[Goal], parameters: Parameters) -> str:
    """Return a quick test that all sessions pass which reach one of some goals."""
    tests = [may_have(goal.step, parameters) for goal in goals]
    return f"({' OR '.join(tests)})" if tests else "false"


def _has(step: Step, parameters: Parameters) -> str:
    """Return whether a session has a fitting hit."""
    has = may_have(step, parameters)
    if step.kind != PAGE:
        return has
    return f"({has} AND EXISTS (SELECT FROM {HITS} WHERE {of_hit(step, parameters)}))"


def is_pattern(step: Step) -> bool:
    return step.kind == PAGE and "*" in step.value


def condition_of(step: Step) -> Condition:
    """Return the condition on pages or names that a fitting hit meets."""
    if step.kind == PAGE:
        return Condition("page", "matches" if is_pattern(step) else "is", (step.value,))
    return Condition("event", "is", (step.value,))
