"""Answers to questions, against a brute force that is written from the definitions"""

import json
import math
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.events.ingest import TABLE
from analytics.events.models import ClientContextRow
from analytics.ingest.commit import store_group
from analytics.reports import rollup, sealing, site_rules
from analytics.reports.answers import answer, answer_together
from analytics.reports.buckets import days_of, edges_of
from analytics.reports.question import Condition, Question, Range
from analytics.reports.session_facts import facts_of
from config.db import uuid7
from tests.support.events import new_row
from websites.models import Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

# Around a change of the clocks of Berlin, Lord Howe, Chatham and Sao Paulo's former one.
START = datetime(2025, 10, 3, 20, tzinfo=UTC)
ZONES = ("UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "America/Sao_Paulo")
METRICS = (
    *("visitors", "sessions", "pageviews", "events", "bounceRate", "engagementRate"),
    *("sessionDuration", "timeOnPage", "scrollDepth"),
)
MINUTES = 60 * 24 * 4
PAGES = ("/", "/a", "/b/1", "/b/2")
NAMES = (None, "sign-up", "buy")

minutes = st.one_of(st.integers(0, MINUTES), st.sampled_from([0, 240, 1440, 1441, 2880]))
events = st.lists(
    st.tuples(
        minutes,
        st.sampled_from(["s1", "s2", "s3", "s4", "s5", "bot"]),
        st.sampled_from(["v1", "v2", "v3"]),
        st.sampled_from(["pageview", "pageview", "custom", "outbound", "$engagement"]),
        st.sampled_from(PAGES),
        st.sampled_from(NAMES),
        st.sampled_from([None, "DE", "AT"]),
        st.integers(0, 30),
    ),
    max_size=25,
)


def row_of(website, minute, session, visitor, kind, page, name, country, number):
    ms = uuid7.to_ms(START) + minute * 60_000
    properties = {
        "custom": {"plan": number % 3} | ({} if name is None else {"name": name}),
        "outbound": {"kind": "outbound", "href": f"https://{name}.example/"},
        "$engagement": {"name": "$engagement", "seconds": number, "scroll": number * 3},
    }
    id = uuid7.new_id(ms)
    if kind == "custom":
        plan_of[id] = number % 3
    return new_row(
        id=id,
        created_at=uuid7.from_ms(ms),
        website_id=website.pk,
        event_type={"outbound": "click", "$engagement": "custom"}.get(kind, kind),
        url=f"https://example.com{page}",
        session_id=session,
        visitor_id=visitor,
        location=country,
        properties=json.dumps(properties[kind]) if kind in properties else None,
    )


def store(website, rows):
    """Store events, and that the sessions called bot are of one; bring the sessions up to date."""
    nothing = dict.fromkeys(ClientContextRow._fields[4:-1])
    contexts = [
        ClientContextRow(
            uuid7.new_id(uuid7.ms_of(row.id)),
            row.created_at,
            website.pk,
            row.session_id,
            **nothing,
            is_bot=True,
        )
        for row in rows
        if row.session_id == "bot"
    ]
    if rows:
        store_group(TABLE, [[*rows, *contexts]])
    assert rollup.refresh(website, 60)


# The brute force


def sessions_of(website, rows):
    """Return the facts of the sessions that are not a bot's."""
    by_session = defaultdict(list)
    for row in rows:
        by_session[row.session_id].append(row)
    rules = site_rules.rules_of(website)
    found = [facts_of(each, [], rules) for name, each in by_session.items() if name != "bot"]
    return [session for session in found if session]


def time_of(hit):
    return uuid7.time_of(hit.id)


def value_of(session, hit, dimension):
    """Return the value of a hit, or of its session; SKIP if it has none of this dimension."""
    if dimension == "page":
        return hit.page
    if dimension in ("event", "outbound"):
        return hit.name if hit.type == dimension[0].replace("e", "c") else SKIP
    if dimension == PROPERTY:
        return str(plan_of[hit.id]) if hit.id in plan_of else SKIP
    return {
        "total": None,
        "country": session.client.country,
        "entryPage": session.entry_page,
        "source": session.source,
    }[dimension]


SKIP = object()
DIMENSIONS = (None, "page", "event", "outbound", "country", "entryPage", "property.plan")
PROPERTY = "property.plan"
plan_of: dict[UUID, int] = {}  # of custom events


def fits(value, condition):
    if value is SKIP:
        return False
    if condition.operator == "is":
        return value in condition.values
    if condition.operator == "contains":
        return value is not None and any(part.lower() in value.lower() for part in condition.values)
    return (value is not None) == (condition.values == ("true",))


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


HIT_DIMENSIONS = ("page", "event", "outbound")


def counts(session, hit, conditions):
    """Return whether a hit counts under the conditions on hits."""
    positive = [
        each
        for each in conditions
        if each.dimension in HIT_DIMENSIONS
        and each.operator not in POSITIVE
        and each.values != ("false",)
    ]
    pages = [each for each in positive if each.dimension == "page"]
    names = [each for each in positive if each.dimension != "page"]

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
    kind = {"outbound": "o", PROPERTY: "c"}.get(dimension, "c")
    viewed = [each for each in sessions if each.page_views]
    told = [hit.seconds for hit in hits if hit.seconds is not None]
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
        "timeOnPage": mean(told),
        "scrollDepth": mean(scrolls),
    }


def rate(part, whole):
    return mean([100] * part + [0] * (whole - part))


def mean(numbers):
    if not numbers:
        return None
    exact = sum(map(Fraction, numbers)) / len(numbers)
    return math.floor(exact * 10 + Fraction(1, 2)) / 10


# What is asked


def question(website, range, zone, **more):
    return Question(
        website=website,
        range=range,
        timezone=ZoneInfo(zone),
        now=START + timedelta(days=30),
        metrics=METRICS,
        sort="visitors",
        limit=1000,
        **more,
    )


@st.composite
def ranges(draw):
    one, other = draw(minutes), draw(minutes)
    first, last = sorted((one, other + 1 if one == other else other))
    return Range(START + timedelta(minutes=first), START + timedelta(minutes=last))


conditions = st.lists(
    st.one_of(
        st.builds(
            Condition,
            st.just("page"),
            st.sampled_from(["is", "not", "contains", "excludes"]),
            st.sampled_from([("/",), ("/a", "/b/1"), ("B",)]),
        ),
        st.builds(Condition, st.just("event"), st.sampled_from(["is", "not"]), st.just(("buy",))),
        st.builds(
            Condition,
            st.sampled_from(["country", "event", "outbound", PROPERTY]),
            st.just("known"),
            st.sampled_from([("true",), ("false",)]),
        ),
        st.builds(Condition, st.just("country"), st.sampled_from(["is", "not"]), st.just(("DE",))),
        st.builds(Condition, st.just(PROPERTY), st.sampled_from(["is", "not"]), st.just(("1",))),
    ),
    max_size=2,
).map(tuple)


@pytest.fixture
def fresh(make_user):
    """Make a website without events, for each example another one."""
    user = make_user()

    def make():
        return Website.objects.create(
            user=user, name="Site", domain=f"{uuid7.new_id_now()}.example"
        )

    return make


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(), sent=events, zone=st.sampled_from(ZONES), range=ranges(), conditions=conditions
)
def test_answers_equal_brute_force(fresh, data, sent, zone, range, conditions):
    website = fresh()
    rows = [row_of(website, *each) for each in sent]
    store(website, rows)
    seal_some(data, website, zone)
    asked = data.draw(st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=3, unique=True))
    questions = [question(website, range, zone, by=by, conditions=conditions) for by in asked]
    for by, found in zip(asked, answer_together(questions), strict=True):
        expected = brute(website, rows, range, by or "total", conditions)
        if by is None:
            nothing = metrics(defaultdict(list), "total")
            assert found.totals.metrics == expected.get(None, nothing)
            continue
        assert {row.value: row.metrics for row in found.rows} == expected
        order = [(-(row.metrics["visitors"] or 0), row.value or "") for row in found.rows]
        assert order == sorted(order)


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(), sent=events, zone=st.sampled_from(ZONES), range=ranges(), conditions=conditions
)
def test_a_series_equals_the_totals_of_its_buckets(fresh, data, sent, zone, range, conditions):
    conditions = tuple(each for each in conditions if each.dimension != PROPERTY)
    website = fresh()
    rows = [row_of(website, *each) for each in sent]
    store(website, rows)
    seal_some(data, website, zone)
    interval = data.draw(st.sampled_from(["hour", "day", "week", "month"]))
    asked = question(website, range, zone, by="time", interval=interval, conditions=conditions)
    found = answer(asked)
    edges = edges_of(range, interval, ZoneInfo(zone))
    nothing = metrics(defaultdict(list), "total")
    assert [row.metrics for row in found.rows] == [
        brute(website, rows, Range(start, end), conditions=conditions).get(None, nothing)
        for start, end in pairwise(edges)
    ]


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=st.data(), sent=events, late=events, zone=st.sampled_from(ZONES), range=ranges())
def test_late_events_change_sealed_days(fresh, data, sent, late, zone, range):
    website = fresh()
    rows = [row_of(website, *each) for each in sent]
    store(website, rows)
    seal_some(data, website, zone)
    more = [row_of(website, *each) for each in late]
    store(website, more)
    found = answer(question(website, range, zone, by="page"))
    expected = brute(website, rows + more, range, "page")
    assert {row.value: row.metrics for row in found.rows} == expected


def seal_some(data, website, zone):
    """Seal some of the days, in any order."""
    whole = Range(START, START + timedelta(minutes=MINUTES))
    days = data.draw(st.permutations(list(days_of(whole, ZoneInfo(zone)))))
    for day in days[: data.draw(st.integers(0, len(days)))]:
        sealing.seal(website.pk, day, ZoneInfo(zone))
