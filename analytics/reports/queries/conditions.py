"""Conditions on sessions and their hits, as SQL.

Texts that people send are always parameters, never parts of a statement.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from analytics.reports.questions.question import GOAL, Condition
from config.db.routers import ANALYTICS

# Dimensions that are a column of a session.
COLUMNS = {
    "entryPage": "entry_page",
    "exitPage": "exit_page",
    "source": "source",
    "channel": "channel",
    "referrer": "referrer",
    "utmSource": "utm_source",
    "utmMedium": "utm_medium",
    "utmCampaign": "utm_campaign",
    "utmTerm": "utm_term",
    "utmContent": "utm_content",
    "country": "country",
    "region": "region",
    "city": "city",
    "browser": "browser",
    "browserVersion": "browser_version",
    "os": "os",
    "osVersion": "os_version",
    "device": "device",
    "language": "language",
    "screen": "screen",
}
# Dimensions that hits have, of all kinds or of the one with this letter.
OF_PAGES = ("page", "hostname")
OF_NAMES = {"event": "c", "outbound": "o", "download": "d"}
PROPERTY = "property."
EVENTS_OF_RANGE = """
event.website_id = %(website)s AND event.id >= %(start_id)s AND event.id < %(end)s
AND event.event_type = 'custom' AND coalesce(event.properties ->> 'name', '') NOT LIKE '$%%'
"""
NEGATIVE = {"not": "is", "excludes": "contains"}


@dataclass(slots=True)
class Parameters:
    """The parameters of a statement, named as they come."""

    values: dict[str, Any] = field(default_factory=dict)

    def add(self, value: Any) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"


def is_positive(condition: Condition) -> bool:
    """Return whether hits can fit a condition; of the others none of a session may fit it."""
    return condition.operator not in NEGATIVE and condition.values != ("false",)


def of_value(column: str, condition: Condition, parameters: Parameters) -> str:
    """Return whether the value in a column fits a condition."""
    fits = _fits(column, condition, parameters)
    return fits if is_positive(condition) else f"({fits}) IS NOT TRUE"


def fitting_texts(texts: Sequence[str | None], condition: Condition) -> list[int]:
    """Return the places of texts that fit a condition, or of a negative one its opposite."""
    match _positive_operator(condition):
        case "is":
            return [n for n, text in enumerate(texts) if text in condition.values]
        case "known":
            return [n for n, text in enumerate(texts) if text is not None]
    parameters = Parameters()
    fits = _fits("text", condition, parameters)
    texts_of = parameters.add(list(texts))
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute(
            f"SELECT n - 1 FROM unnest({texts_of}::text[]) WITH ORDINALITY AS t (text, n)"
            f" WHERE {fits}",
            parameters.values,
        )
        return [n for (n,) in cursor.fetchall()]


def of_session(condition: Condition, parameters: Parameters) -> str:
    """Return whether a session fits a condition on a column or on its hits."""
    if column := COLUMNS.get(condition.dimension):
        return of_value(f"session.{column}", condition, parameters)
    if condition.dimension.startswith(PROPERTY):
        fits = _has_event_with(condition, parameters)
    else:
        fits = _has_hit(condition, parameters)
    return fits if is_positive(condition) else f"({fits}) IS NOT TRUE"


def is_hit_dimension(dimension: str) -> bool:
    """Return whether a dimension is one of the hits of a session."""
    return dimension in OF_PAGES or dimension in OF_NAMES or dimension == GOAL


def property_text(key: str) -> str:
    """Return a property of an event as a text; key: the parameter that names it."""
    return f"event.properties ->> {key}"


def has_property(key: str) -> str:
    """Return whether an event has a property that is a text, a number or a boolean."""
    return f"json_typeof(event.properties -> {key}) IN ('string', 'number', 'boolean')"


def of_event(condition: Condition, parameters: Parameters) -> str:
    """Return whether a custom event has a property that fits, or of a negative one has none."""
    fits = _has_fitting_property(condition, parameters)
    return f"({fits})" if is_positive(condition) else f"({fits}) IS NOT TRUE"


def _has_event_with(condition: Condition, parameters: Parameters) -> str:
    """Return whether a session has a custom event in the range whose property fits."""
    return f"""session.session_id IN (
        SELECT session_id FROM analytics_event AS event
         WHERE {EVENTS_OF_RANGE} AND {_has_fitting_property(condition, parameters)}
         OFFSET 0  -- apart, as a cluster has events and sessions by other columns
    )"""


def _has_fitting_property(condition: Condition, parameters: Parameters) -> str:
    """Return whether an event has a property that fits the opposite of a negative condition."""
    key = parameters.add(condition.dimension.removeprefix(PROPERTY))
    fits = _fits(f"({property_text(key)})", condition, parameters)
    return f"{has_property(key)} AND {fits}"


def of_hit(condition: Condition, parameters: Parameters) -> str:
    """Return whether a hit fits a condition, the opposite of a negative one."""
    match condition.dimension:
        case "page":
            return _fits("hit.page", condition, parameters)
        case "hostname":
            return _fits(HOST, condition, parameters)
    has_kind = f"lower(hit.type) = '{OF_NAMES[condition.dimension]}'"
    return f"({has_kind} AND {_fits('hit.name', condition, parameters)})"


HOST = "CASE WHEN session.hit_hosts IS NULL THEN session.hostname ELSE hit.host END"
# The hits of a session, one row each. As a subquery, they take half the time of unnest() in FROM,
# which stores the rows before it gives the first one.
HITS = """
(SELECT unnest(string_to_array(session.hit_types, NULL)) AS type,
        unnest(session.hit_times) AS time, unnest(session.hit_pages) AS page,
        unnest(session.hit_names) AS name, unnest(session.hit_hosts) AS host,
        unnest(session.hit_seconds) AS seconds, unnest(session.hit_scrolls) AS scroll,
        unnest(session.hit_visitors) AS visitor,
        generate_subscripts(session.hit_pages, 1) AS position) AS hit
"""


def _has_hit(condition: Condition, parameters: Parameters) -> str:
    """Return whether a session has a fitting hit; what is quick to see comes first."""
    match condition.dimension:
        case "page":
            return _has_page(condition, parameters)
        case "hostname":
            of_all = _fits("session.hostname", condition, parameters)
            of_some = f"EXISTS (SELECT FROM {HITS} WHERE {of_hit(condition, parameters)})"
            return f"CASE WHEN session.hit_hosts IS NULL THEN {of_all} ELSE {of_some} END"
    first = OF_NAMES[condition.dimension].upper()
    tests = [f"strpos(session.hit_types, '{first}') > 0"]
    if _positive_operator(condition) == "is":
        tests.append(f"session.hit_names && {parameters.add(list(condition.values))}::text[]")
    exists = f"EXISTS (SELECT FROM {HITS} WHERE {of_hit(condition, parameters)})"
    return f"({' AND '.join([*tests, exists])})"


def _has_page(condition: Condition, parameters: Parameters) -> str:
    """Return whether a session has a hit with a page; all hits have one."""
    operator = _positive_operator(condition)
    if operator == "is":
        return f"session.hit_pages && {parameters.add(list(condition.values))}::text[]"
    fits = _fits("page", condition, parameters)
    exists = f"EXISTS (SELECT FROM unnest(session.hit_pages) AS page WHERE {fits})"
    if operator != "contains":
        return exists
    of_all = _fits("array_to_string(session.hit_pages, ' ')", condition, parameters)
    return f"({of_all} AND {exists})"


def _positive_operator(condition: Condition) -> str:
    return NEGATIVE.get(condition.operator, condition.operator)


def _fits(column: str, condition: Condition, parameters: Parameters) -> str:
    """Return whether a text that may be null fits one of the values, or null."""
    match _positive_operator(condition):
        case "is":
            test = f"{column} = ANY({parameters.add(list(condition.values))}::text[])"
        case "contains":
            texts = [f"%{_escaped(value)}%" for value in condition.values]
            test = f"{column} ILIKE ANY({parameters.add(texts)}::text[])"
        case "matches":
            patterns = [pattern_of(value) for value in condition.values]
            test = f"{column} ~ ANY({parameters.add(patterns)}::text[])"
        case _:
            return f"{column} IS NOT NULL"
    return test


def pattern_of(text: str) -> str:
    """Return a pattern of PostgreSQL: `*` is any text within a segment, `**` any text."""
    parts = re.split(r"(\*+)", text)
    return "^" + "".join(map(_pattern_part, parts)) + "$"


def _pattern_part(part: str) -> str:
    if part.startswith("*"):
        return "[^/]*" if part == "*" else ".*"
    return re.sub(r"([^\w/ -])", r"\\\1", part)


def _escaped(text: str) -> str:
    """Return a text for LIKE in which nothing has a meaning."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def hit_restriction(conditions: Sequence[Condition], parameters: Parameters) -> str:
    """Return which hits count under conditions on hits; nothing where all do.

    Those that fit all conditions on pages, and on names. Where there are both kinds, page views
    count by the first, and others by the second.
    """
    positive = [each for each in conditions if is_positive(each)]
    pages = [of_hit(each, parameters) for each in positive if each.dimension in OF_PAGES]
    names = [of_hit(each, parameters) for each in positive if each.dimension in OF_NAMES]
    if pages and names:
        of_views = f"(lower(hit.type) = 'p' AND {' AND '.join(pages)})"
        return f"({of_views} OR ({' AND '.join(names)}))"
    return " AND ".join([*pages, *names])
