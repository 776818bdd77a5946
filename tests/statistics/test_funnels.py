"""Funnels, against a brute force that is written from the definitions"""

import json
from collections import defaultdict
from datetime import timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.reports.derived import sealing
from analytics.reports.funnels.query import Way, steps_reached
from analytics.reports.questions.question import Condition, Question, Range
from config.db import uuid7
from tests.support.hits import BOT, START, event_row, sessions_of, store
from tests.support.in_full import repeated
from tests.support.statistics import DATABASES
from websites.models import Website
from websites.steps import PropertyCondition, Step

pytestmark = pytest.mark.django_db(databases=DATABASES)

PAGES = ("/a", "/b/1", "/b/2")
NAMES = ("sign-up", "buy")
DAY = 86_400_000
SPAN = 10 * DAY
times = st.one_of(
    st.integers(0, SPAN),
    st.integers(0, 20).map(lambda second: 1000 * second),
    st.sampled_from([2000, 2000, DAY, DAY + 1, 3 * DAY, 3 * DAY + 1000]),
)
events = st.lists(
    st.tuples(
        times,
        st.sampled_from(["s1", "s2", "s3", BOT]),
        st.sampled_from(["v1", "v1", "v1", "v2"]),
        st.sampled_from(
            ["pageview", "pageview", "pageview", "custom", "custom", "click", "engaged"]
        ),
        st.sampled_from(PAGES),
        st.sampled_from(NAMES),
        st.sampled_from(["pro", "free", 5, None]),
        st.sampled_from([None, "DE"]),
    ),
    min_size=15,
    max_size=50,
)
steps = st.one_of(
    st.builds(Step, st.just("page"), st.sampled_from([*PAGES, "/b/*", "**"])),
    st.builds(Step, st.just("event"), st.sampled_from(NAMES)),
    st.builds(
        Step,
        st.just("event"),
        st.sampled_from(NAMES),
        st.tuples(
            st.builds(
                PropertyCondition,
                st.just("plan"),
                st.sampled_from(["is", "not"]),
                st.sampled_from([("pro",), ("free", "5")]),
            )
        ),
    ),
)
ways = st.builds(
    Way,
    steps=st.lists(steps, min_size=2, max_size=4),
    window=st.sampled_from([None, None, timedelta(days=1), timedelta(days=3)]),
    is_strict=st.booleans(),
)
conditions = st.sampled_from(
    [
        *[()] * 4,
        (Condition("country", "is", ("DE",)),),
        (Condition("page", "is", ("/a",)),),
        (Condition("event", "not", ("buy",)),),
    ]
)


def row_of(website, ms, session, visitor, kind, page, name, plan, country):
    properties = {
        "custom": {"name": name} | ({} if plan is None else {"plan": plan}),
        "engaged": {"name": "$engagement", "seconds": 5},
    }.get(kind, {})
    type = "custom" if kind == "engaged" else kind
    return event_row(website, ms, session, visitor, type, page, country, **properties)


# The brute force


def fits_step(hit, step, properties):
    if step.kind == "page":
        return hit.type == "p" and is_page(hit.page, step.value)
    plan = properties.get(hit.id, {}).get("plan")
    plan = None if plan is None else str(plan)
    fits = [(plan in each.values) == (each.operator == "is") for each in step.properties]
    return hit.type == "c" and hit.name == step.value and all(fits)


def is_page(page, pattern):
    if pattern == "/b/*":
        return page.startswith("/b/")
    return pattern in ("**", page)


def is_chosen(session, condition):
    if condition.dimension == "country":
        return session.client.country in condition.values
    values = [hit.page if condition.dimension == "page" else hit.name for hit in session.hits]
    return bool(set(values) & set(condition.values)) == (condition.operator == "is")


def hits_by_unit(sessions, range, way):
    """Return the hits of each session or visitor, in order, with the visitor."""
    found = defaultdict(list)
    for number, session in enumerate(sessions):
        for position, hit in enumerate(session.hits):
            if not range.start <= uuid7.time_of(hit.id) < range.end:
                continue
            place = (uuid7.ms_of(hit.id), position, session.hits[0].id)
            if way.window:
                found[hit.visitor_id].append((place, hit, hit.visitor_id))
            elif session.started_at >= range.start:
                found[number].append((place, hit, session.hits[0].visitor_id))
    return {
        unit: [(hit, visitor) for _, hit, visitor in sorted(hits, key=lambda each: each[0])]
        for unit, hits in found.items()
    }


def way_from(hits, start, way, properties):
    """Return the times of the steps that are taken from a hit on."""
    if way.is_strict:
        kinds = {"p" if step.kind == "page" else "c" for step in way.steps}
        hits = [hit for hit in hits if hit.type in kinds]
    place = next((n for n, hit in enumerate(hits) if hit is start), len(hits))
    taken: list[int] = []
    for step in way.steps:
        rest = hits[place : place + 1] if way.is_strict else hits[place:]
        rest = rest if taken else [start]
        hit = next((hit for hit in rest if fits_step(hit, step, properties)), None)
        if hit is None:
            break
        at = uuid7.ms_of(hit.id)
        if way.window and taken and at - taken[0] > way.window / MS:
            break
        taken.append(at)
        place = next(n for n, each in enumerate(hits) if each is hit) + 1
    return taken


MS = timedelta(milliseconds=1)


def brute(website, rows, range, way, conditions):
    """Return count, visitors and median of each step."""
    properties = {row.id: json.loads(row.properties or "{}") for row in rows}
    for session in (sessions := sessions_of(website, rows)):
        assert not session.is_truncated
    chosen = [each for each in sessions if all(is_chosen(each, one) for one in conditions)]
    units = []
    for hits in hits_by_unit(chosen, range, way).values():
        alone = [hit for hit, _ in hits]
        found = [way_from(alone, hit, way, properties) for hit in alone]
        units.append((max(found, key=len), hits[0][1]))
    return [
        (
            sum(len(taken) > n for taken, _ in units),
            len({visitor for taken, visitor in units if len(taken) > n}),
            median([taken[n] - taken[n - 1] for taken, _ in units if len(taken) > n] or [0])
            if n and any(len(taken) > n for taken, _ in units)
            else None,
        )
        for n, _ in enumerate(way.steps)
    ]


@pytest.fixture
def fresh(make_user):
    """Make a website without events, for each example another one."""
    user = make_user()

    def make():
        domain = f"{uuid7.new_id_now()}.example"
        return Website.objects.create(user=user, name="Site", domain=domain)

    return make


days = st.sampled_from([START.date() + timedelta(days=n) for n in (-1, 0, 1, 2, 3)])


@st.composite
def ranges(draw):
    one, other = sorted((draw(times), draw(times)))
    if draw(st.integers(0, 3)):
        one, other = -DAY, SPAN  # days as a whole, which may be sealed
    return Range(START + one * MS, START + (other + 1) * MS)


@pytest.mark.in_full
@settings(max_examples=repeated(80), suppress_health_check=list(HealthCheck))
@given(sent=events, way=ways, range=ranges(), conditions=conditions, sealed=st.sets(days))
def test_funnels_equal_brute_force(fresh, sent, way, range, conditions, sealed):
    website = fresh()
    rows = [row_of(website, *each) for each in sent]
    store(website, rows)
    for day in sealed:
        sealing.seal(website.pk, day, ZoneInfo("UTC"))
    question = Question(
        website=website,
        range=range,
        timezone=ZoneInfo("UTC"),
        now=START + timedelta(days=30),
        metrics=(),
        conditions=conditions,
    )
    found = steps_reached(question, range, way)
    expected = brute(website, rows, range, way, conditions)
    assert [(each.count, each.visitors, each.median_ms) for each in found] == expected
