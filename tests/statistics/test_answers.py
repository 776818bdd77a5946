"""Answers to questions, against a brute force that is written from the definitions"""

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.reports.answers import answer, answer_together
from analytics.reports.derived import column_sums, sealing
from analytics.reports.questions.buckets import days_of, edges_of
from analytics.reports.questions.question import Condition, Question, Range
from config.db import uuid7
from tests.support.brute_force import (
    CLIENT_FIELDS,
    HIT_DIMENSIONS,
    PROPERTY,
    SESSION_FIELDS,
    START,
    UTM_FIELDS,
    brute,
    metrics,
    row_of,
    store,
)
from tests.support.in_full import repeated
from websites.models import Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

ZONES = ("UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "America/Sao_Paulo")
METRICS = (
    *("visitors", "sessions", "pageviews", "events", "bounceRate", "engagementRate"),
    *("sessionDuration", "timeOnPage", "scrollDepth"),
)
MINUTES = 60 * 24 * 4
ADDRESSES = (
    *("example.com/", "example.com/a", "example.com/b/1", "shop.example.com/b/2"),
    "example.com/a?utm_source=news&utm_medium=email&utm_campaign=Spring",
    "other.example/?utm_source=ads&utm_term=shoes&utm_content=b",
)
NAMES = (None, "sign-up", "buy")
COLUMNS = (*SESSION_FIELDS, *UTM_FIELDS, *CLIENT_FIELDS)
DIMENSIONS = (None, *HIT_DIMENSIONS, *COLUMNS, PROPERTY)

minutes = st.one_of(st.integers(0, MINUTES), st.sampled_from([0, 240, 1440, 1441, 2880]))
happenings = (
    st.sampled_from(["pageview", "pageview", "custom", "outbound", "download", "$engagement"]),
    st.sampled_from(ADDRESSES),
    st.sampled_from(NAMES),
    st.sampled_from([None, "DE", "AT"]),
    st.integers(0, 30),
)
events = st.lists(
    st.one_of(
        st.tuples(
            minutes,
            st.sampled_from(["s1", "s2", "s3", "s4", "s5", "bot"]),
            st.sampled_from(["v1", "v2", "v3"]),
            *happenings,
        ),
        # Sessions of one visitor that last for hours, around a midnight.
        st.tuples(
            st.integers(840, 1560), st.sampled_from(["s6", "s7"]), st.just("v1"), *happenings
        ),
    ),
    max_size=25,
)


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


def conditions_on(dimensions, *values):
    """Make conditions with any operator: of texts, of parts of them, of patterns."""
    dimension, texts = st.sampled_from(dimensions), st.sampled_from(values)
    operators = st.sampled_from(["is", "not", "contains", "excludes", "matches"])
    some = st.lists(texts, min_size=1, max_size=2, unique=True).map(tuple)
    known = st.builds(
        Condition, dimension, st.just("known"), st.sampled_from([("true",), ("false",)])
    )
    return st.one_of(st.builds(Condition, dimension, operators, some), known)


conditions = st.lists(
    st.one_of(
        conditions_on(["page"], "/", "/a", "B", "/*", "/b/*", "**1"),
        conditions_on(["hostname"], "example.com", "SHOP", "*.example.com", "**example*"),
        conditions_on(["event"], "buy", "sign", "*-*", "**"),
        conditions_on(["outbound"], "https://buy.example/", "Buy", "https://*/", "*/*", "**"),
        conditions_on(["download"], "/files/buy.pdf", "PDF", "/files/*", "*.pdf"),
        conditions_on(COLUMNS, "DE", "news", "Spring", "Munich", "de-DE", "390x844"),
        conditions_on(COLUMNS, "d", "e", "x", "*e*", "**", "/", "/*", "1*"),
        conditions_on([PROPERTY], "1", "2", "*", "**"),
    ),
    max_size=2,
).map(tuple)


@pytest.fixture
def fresh(make_user):
    """Make a website without events, for each example another one."""
    user = make_user()

    def make(zone):
        domain = f"{uuid7.new_id_now()}.example"
        return Website.objects.create(user=user, name="Site", domain=domain, timezone=zone)

    return make


@pytest.mark.in_full
@settings(max_examples=repeated(50), suppress_health_check=list(HealthCheck))
@given(
    data=st.data(), sent=events, zone=st.sampled_from(ZONES), range=ranges(), conditions=conditions
)
def test_answers_equal_brute_force(fresh, monkeypatch, data, sent, zone, range, conditions):
    website = fresh(data.draw(st.sampled_from(ZONES)))
    rows = [row_of(website, *each) for each in sent]
    store(website, rows)
    seal_some(data, website)
    monkeypatch.setattr(column_sums, "MAX_HITS", data.draw(st.sampled_from([0, 10**7, 10**7])))
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


@pytest.mark.in_full
@settings(max_examples=repeated(30), suppress_health_check=list(HealthCheck))
@given(
    data=st.data(), sent=events, zone=st.sampled_from(ZONES), range=ranges(), conditions=conditions
)
def test_a_series_equals_the_totals_of_its_buckets(fresh, data, sent, zone, range, conditions):
    conditions = tuple(each for each in conditions if each.dimension != PROPERTY)
    website = fresh(data.draw(st.sampled_from(ZONES)))
    rows = [row_of(website, *each) for each in sent]
    store(website, rows)
    seal_some(data, website)
    interval = data.draw(st.sampled_from(["hour", "day", "week", "month"]))
    asked = question(website, range, zone, by="time", interval=interval, conditions=conditions)
    found = answer(asked)
    edges = edges_of(range, interval, ZoneInfo(zone))
    nothing = metrics(defaultdict(list), "total")
    assert [row.metrics for row in found.rows] == [
        brute(website, rows, Range(start, end), conditions=conditions).get(None, nothing)
        for start, end in pairwise(edges)
    ]


@pytest.mark.in_full
@settings(max_examples=repeated(20), suppress_health_check=list(HealthCheck))
@given(data=st.data(), sent=events, late=events, zone=st.sampled_from(ZONES), range=ranges())
def test_late_events_change_sealed_days(fresh, data, sent, late, zone, range):
    website = fresh(data.draw(st.sampled_from(ZONES)))
    rows = [row_of(website, *each) for each in sent]
    store(website, rows)
    seal_some(data, website)
    more = [row_of(website, *each) for each in late]
    store(website, more)
    found = answer(question(website, range, zone, by="page"))
    expected = brute(website, rows + more, range, "page")
    assert {row.value: row.metrics for row in found.rows} == expected


def seal_some(data, website):
    """Seal some of the days, in any order."""
    whole = Range(START, START + timedelta(minutes=MINUTES))
    zone = ZoneInfo(website.timezone)
    days = data.draw(st.permutations(list(days_of(whole, zone))))
    for day in days[: data.draw(st.integers(0, len(days)))]:
        sealing.seal(website.pk, day, zone)
    for hour in data.draw(st.lists(st.integers(0, MINUTES // 60), max_size=8, unique=True)):
        sealing.seal_hour(website.pk, START + timedelta(hours=hour))
