"""What statistics answer, by brute force that is written from the definitions"""

import json
import math
import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from analytics.events.ingest import TABLE
from analytics.events.models import ClientContextRow
from analytics.ingest.commit import store_group
from analytics.reports.derived import rollup, site_rules
from analytics.reports.facts.session_facts import UTM, facts_of
from config.db import uuid7
from tests.support.events import new_row

# Around a change of the clocks of Berlin, Lord Howe, Chatham and Sao Paulo's former one.
START = datetime(2025, 10, 3, 20, tzinfo=UTC)
PROPERTY = "property.plan"
plan_of: dict[UUID, int] = {}  # of custom events
KINDS = {"event": "c", "outbound": "o", "download": "d"}
OF_PAGES = ("page", "hostname")
HIT_DIMENSIONS = (*OF_PAGES, *KINDS)
SESSION_FIELDS = {
    **{"entryPage": "entry_page", "exitPage": "exit_page"},
    **{name: name for name in ("source", "channel", "referrer")},
}
UTM_FIELDS = {
    name: "utm_" + name.removeprefix("utm").lower()
    for name in ("utmSource", "utmMedium", "utmCampaign", "utmTerm", "utmContent")
}
CLIENT_FIELDS = {
    **{"browserVersion": "browser_version", "osVersion": "os_version"},
    **{name: name for name in ("country", "region", "city", "browser", "os", "device")},
    **{name: name for name in ("language", "screen")},
}
NOTHING = dict.fromkeys(ClientContextRow._fields[4:-1])
# What is known of the browser of a session, by its name.
CONTEXTS = {
    "s1": {
        **{"country": "DE", "region": "Bavaria", "city": "Munich", "browser": "Firefox"},
        **{"browser_version": "145", "os": "Windows", "os_version": "11", "device": "desktop"},
        **{"language": "de-DE", "screen": "1920x1080"},
    },
    "s2": {
        **{"country": "AT", "region": "Tyrol", "browser": "Chrome", "os": "Android"},
        **{"device": "mobile", "language": "de", "screen": "390x844"},
    },
    "s3": {"country": "DE", "city": "Munich", "browser": "Firefox", "language": "en-GB"},
}


def row_of(website, minute, session, visitor, kind, address, name, country, number):
    """Return the row of an event of a kind, which is its type or what a link or its name says."""
    ms = uuid7.to_ms(START) + minute * 60_000
    named = {} if name is None else {"name": name}
    properties = {
        "custom": {"plan": number % 3} | named,
        "outbound": {"kind": "outbound", "href": f"https://{name}.example/"},
        "download": {"kind": "download"} | ({"href": f"/files/{name}.pdf"} if name else {}),
        "$engagement": {"name": "$engagement", "seconds": number, "scroll": number * 3},
    }
    types = {"outbound": "click", "download": "click", "$engagement": "custom"}
    id = uuid7.new_id(ms)
    if kind == "custom":
        plan_of[id] = number % 3
    return new_row(
        id=id,
        created_at=uuid7.from_ms(ms),
        website_id=website.pk,
        event_type=types.get(kind, kind),
        url=f"https://{address}",
        session_id=session,
        visitor_id=visitor,
        location=country,
        properties=json.dumps(properties[kind]) if kind in properties else None,
    )


def store(website, rows):
    """Store events and the contexts of their sessions; bring the sessions up to date.

    Those called bot are of one.
    """
    if rows:
        store_group(TABLE, [[*rows, *(context_of(row) for row in rows)]])
    assert rollup.refresh(website, 60)


def context_of(row):
    known = NOTHING | CONTEXTS.get(row.session_id, {})
    id, is_bot = uuid7.new_id(uuid7.ms_of(row.id)), row.session_id == "bot"
    return ClientContextRow(
        id, row.created_at, row.website_id, row.session_id, **known, is_bot=is_bot
    )


def sessions_of(website, rows):
    """Return the facts of the sessions that are not a bot's."""
    by_session = defaultdict(list)
    for row in rows:
        by_session[row.session_id].append(row)
    rules = site_rules.rules_of(website)
    found = [
        facts_of(each, [context_of(row) for row in each], rules)
        for name, each in by_session.items()
        if name != "bot"
    ]
    return [session for session in found if session]


def time_of(hit):
    return uuid7.time_of(hit.id)


SKIP = object()


def value_of(session, hit, dimension):
    """Return the value of a hit, or of its session; SKIP if it has none of this dimension."""
    if dimension == "page":
        return hit.page
    if dimension == "hostname":
        return hit.host
    if dimension in KINDS:
        return hit.name if hit.type == KINDS[dimension] else SKIP
    if dimension == PROPERTY:
        return str(plan_of[hit.id]) if hit.id in plan_of else SKIP
    if dimension in UTM_FIELDS:
        return session.utm[UTM.index(UTM_FIELDS[dimension])]
    if dimension in CLIENT_FIELDS:
        return getattr(session.client, CLIENT_FIELDS[dimension])
    return None if dimension == "total" else getattr(session, SESSION_FIELDS[dimension])


def fits(value, condition):
    if value is SKIP:
        return False
    if condition.operator == "is":
        return value in condition.values
    if condition.operator == "contains":
        return value is not None and any(part.lower() in value.lower() for part in condition.values)
    if condition.operator == "matches":
        return value is not None and any(matches(value, pattern) for pattern in condition.values)
    return (value is not None) == (condition.values == ("true",))


def matches(value, pattern):
    """Return whether a text fits a pattern: `*` is any text within a segment, `**` any text."""
    parts = [re.escape(each) for each in pattern.split("**")]
    return re.fullmatch(".*".join(parts).replace(r"\*", "[^/]*"), value, re.DOTALL) is not None


POSITIVE = {"not": "is", "excludes": "contains"}


def is_chosen(session, condition, range):
    operator = POSITIVE.get(condition.operator, condition.operator)
    is_negative = operator != condition.operator
    hits = session.hits
    if condition.dimension == PROPERTY:
        hits = [hit for hit in hits if range.start <= time_of(hit) < range.end]
    if condition.values == ("false",) and condition.dimension in (*HIT_DIMENSIONS, PROPERTY):
        is_negative, condition = True, replace(condition, values=("true",))
    positive = replace(condition, operator=operator)
    has = any(fits(value_of(session, hit, condition.dimension), positive) for hit in hits)
    return has != is_negative


def counts(session, hit, conditions):
    """Return whether a hit counts under the conditions on hits."""
    positive = [
        each
        for each in conditions
        if each.dimension in HIT_DIMENSIONS
        and each.operator not in POSITIVE
        and each.values != ("false",)
    ]
    pages = [each for each in positive if each.dimension in OF_PAGES]
    names = [each for each in positive if each.dimension in KINDS]

    def fits_all(some):
        return all(fits(value_of(session, hit, each.dimension), each) for each in some)

    if pages and names:
        return (hit.type == "p" and fits_all(pages)) or fits_all(names)
    return fits_all(pages) and fits_all(names)


def brute(website, rows, range, dimension="total", conditions=()):
    """Return the metrics of each value."""
    found: dict[Any, Any] = defaultdict(lambda: defaultdict(list))
    for session in sessions_of(website, rows):
        if not all(is_chosen(session, each, range) for each in conditions):
            continue
        counting = [hit for hit in session.hits if counts(session, hit, conditions)]
        is_hit_dimension = dimension in HIT_DIMENSIONS
        if dimension == PROPERTY:
            counting = [hit for hit in session.hits if range.start <= time_of(hit) < range.end]
            is_hit_dimension = True
        for value in {
            value_of(session, hit, dimension)
            for hit in (counting if is_hit_dimension else session.hits)
        } - {SKIP}:
            if range.start <= session.started_at < range.end:
                found[value]["sessions"].append(session)
        deepest: dict[str, int] = {}
        for hit in session.hits:
            if hit.scroll is not None:
                deepest[hit.page] = max(deepest.get(hit.page, 0), hit.scroll)
        seen = set()
        for hit in session.hits:
            is_first = hit.type == "p" and hit.page not in seen
            if hit.type == "p":
                seen.add(hit.page)
            value = value_of(session, hit, dimension)
            if value is SKIP or hit not in counting or not range.start <= time_of(hit) < range.end:
                continue
            found[value]["hits"].append(hit)
            if is_first and hit.page in deepest:
                found[value]["scrolls"].append(deepest[hit.page])
    return {value: metrics(each, dimension) for value, each in found.items()}


def metrics(found, dimension):
    sessions, hits, scrolls = found["sessions"], found["hits"], found["scrolls"]
    kind = KINDS.get(dimension, "c")
    viewed = [each for each in sessions if each.page_views]
    seconds = [hit.seconds for hit in hits if hit.seconds is not None]
    lengths = [(each.ended_at - each.started_at) / timedelta(seconds=1) for each in sessions]
    engaged = [
        each
        for each in sessions
        if each.page_views > 1 or each.custom_events or each.engaged_seconds >= 10
    ]
    return {
        "visitors": len({hit.visitor_id for hit in hits}),
        "sessions": len(sessions),
        "pageviews": sum(hit.type == "p" for hit in hits),
        "events": sum(hit.type == kind for hit in hits),
        "bounceRate": rate(sum(each.page_views == 1 for each in viewed), len(viewed)),
        "engagementRate": rate(len(engaged), len(sessions)),
        "sessionDuration": mean(lengths),
        "timeOnPage": mean(seconds),
        "scrollDepth": mean(scrolls),
    }


def rate(part, whole):
    return mean([100] * part + [0] * (whole - part))


def mean(numbers):
    if not numbers:
        return None
    exact = sum(map(Fraction, numbers)) / len(numbers)
    return math.floor(exact * 10 + Fraction(1, 2)) / 10
