"""Steps of goals and funnels as SQL: which hits fit, and which sessions may have one"""

from analytics.reports import conditions
from analytics.reports.conditions import EVENTS_OF_RANGE, PROPERTY, Parameters, of_event
from analytics.reports.question import Condition
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
     WHERE {EVENTS_OF_RANGE} AND event.properties ->> 'name' = {{name}}
       AND json_typeof(event.properties -> 'name') = 'string'
) AS event WHERE {{fits}}
"""


def of_hit(step: Step, parameters: Parameters) -> str:
    """Return whether a hit fits a step; with properties, only within the range of the statement."""
    fits = conditions.of_hit(_condition(step), parameters)
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
    return conditions.of_session(_condition(step), parameters)


def fitting_events(step: Step, parameters: Parameters) -> str:
    """Return a statement that selects the custom events that fit a step, in the range."""
    fits = [
        of_event(Condition(f"{PROPERTY}{each.key}", each.operator, each.values), parameters)
        for each in step.properties
    ]
    return FITTING_EVENTS.format(name=parameters.add(step.value), fits=" AND ".join(fits) or "true")


def _condition(step: Step) -> Condition:
    """Return the condition on pages or names that a fitting hit meets."""
    if step.kind == PAGE:
        return Condition("page", "matches" if "*" in step.value else "is", (step.value,))
    return Condition("event", "is", (step.value,))
