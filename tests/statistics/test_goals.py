"""Goals in statistics: metrics, conditions and rows"""

import json
from collections import defaultdict
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.reports.answers import answer
from analytics.reports.questions.question import Condition, GoalCondition, Question, Range
from config.db import uuid7
from tests.support.hits import BOT, START, event_row, sessions_of, store
from tests.support.in_full import repeated
from tests.support.responses import assert_response
from tests.support.statistics import DATABASES, NOW, assert_refused, meta_body
from websites.models import Goal, Website

pytestmark = pytest.mark.django_db(databases=DATABASES)

SITE = "https://example.com"
DAYS_28 = ("2026-03-02T00:00:00+00:00", "2026-03-30T00:00:00+00:00")


@pytest.fixture
def make_goal(website):
    def make(kind, value, *properties, **fields):
        usual = {"name": value, "kind": kind, "value": value, "properties": list(properties)}
        return Goal.objects.create(**{"website": website} | usual | fields)

    return make


def at(minutes):
    return NOW - timedelta(hours=3) + timedelta(minutes=minutes)


def view(minutes, path, session="s1", **more):
    fields = {"url": SITE + path, "sessionId": session, "visitorId": f"of {session}"}
    return at(minutes), fields | more


def custom(minutes, name, session="s1", **properties):
    properties = {"name": name} | properties
    return view(minutes, "/", session, eventType="custom", properties=properties)


PRO = {"key": "plan", "operator": "is", "values": ["pro"]}
ALL = "metrics=visitors,sessions,conversions,conversionRate,revenue,averageRevenue"


@pytest.mark.usefixtures("at_now")
def test_each_goal_has_a_row(ask, make_goal, post):
    thanks = make_goal("page", "/thanks/*", name="Thanks")
    buy = make_goal("event", "buy", PRO, name="Pro", revenue_property="amount")
    none = make_goal("event", "never", name="Never")
    post(
        *(*(view(n, f"/thanks/{n}") for n in range(3)), custom(2, "thanks")),
        custom(3, "buy", plan="pro", amount=19.995),
        *(custom(3, "buy", plan="pro", amount="10"), custom(3, "buy", plan="free", amount=99)),
        *(view(0, "/", "s2"), view(0, "/", "s3")),
    )
    rows = [
        (thanks, "Thanks", 1, 1, 3, 33.3, 0.0, None),
        (buy, "Pro", 1, 1, 2, 33.3, 30.0, 15.0),
        (none, "Never", 0, 0, 0, 0.0, 0.0, None),
    ]
    keys = ("visitors", "sessions", "conversions", "conversionRate", "revenue", "averageRevenue")
    body = {
        "rows": [
            {"value": str(goal.id), "label": name, "metrics": dict(zip(keys, row, strict=True))}
            for goal, name, *row in rows
        ],
        "totals": {"metrics": dict(zip(keys, (3, 3, 5, 33.3, 30.0, 15.0), strict=True))},
        "meta": meta_body(*DAYS_28, total=3),
    }
    assert_response(ask(f"by=goal&{ALL}&sort=-conversions"), 200, body)


@pytest.mark.usefixtures("at_now")
def test_a_goal_chooses_sessions_and_counts_what_reaches_it(ask, make_goal, post):
    goal = make_goal("event", "buy", revenue_property="amount")
    post(
        *(view(0, "/", location="DE"), custom(1, "buy", amount=5), custom(2, "other")),
        *(view(0, "/", "s2", location="DE"), custom(1, "other", "s2")),
        view(0, "/", "s3", location="AT"),
    )
    metrics = "visitors,sessions,pageviews,events,conversions,conversionRate,revenue"
    found = ask(f"goal={goal.id}&metrics={metrics}&by=country").json()
    assert [(row["value"], *row["metrics"].values()) for row in found["rows"]] == [
        ("DE", 1, 1, 0, 1, 1, 50.0, 5.0)
    ]
    assert [*found["totals"]["metrics"].values()] == [1, 1, 0, 1, 1, 33.3, 5.0]
    assert found["meta"]["filters"] == [["goal", "is", [str(goal.id)]]]
    assert ask(f"goal__not={goal.id}").json()["totals"]["metrics"]["sessions"] == 2
    series = ask(f"goal={goal.id}&metrics={ALL[8:]}&by=time&period=today&interval=hour").json()
    found = [[*row["metrics"].values()] for row in series["rows"] if row["metrics"]["visitors"]]
    assert found == [[1, 1, 1, 33.3, 5.0, 5.0]]


@pytest.mark.usefixtures("at_now")
def test_what_is_compared_with_has_rates_of_its_own(ask, make_goal, post):
    goal = make_goal("page", "/thanks")
    day = -24 * 60
    post(view(0, "/thanks"), view(day, "/", "s2"), view(day, "/thanks", "s3"))
    query = "period=today&compare=previous&metrics=conversionRate"
    found = ask(f"{query}&by=goal").json()["rows"][0]
    assert (found["metrics"], found["previous"]) == (
        {"conversionRate": 100.0},
        {"conversionRate": 50.0},
    )
    totals = ask(f"{query}&goal={goal.id}").json()["totals"]
    assert (totals["metrics"], totals["previous"]) == (
        {"conversionRate": 100.0},
        {"conversionRate": 50.0},
    )


@pytest.mark.usefixtures("at_now")
def test_rows_are_sorted_by_rate_and_revenue(ask, make_goal, post):
    goal = make_goal("event", "buy", revenue_property="amount")
    post(
        *(view(0, "/", "s1", location="DE"), custom(1, "buy", "s1", amount=5)),
        view(0, "/", "s2", location="DE"),
        *(view(0, "/", "s3", location="AT"), custom(1, "buy", "s3", amount=2)),
    )

    def values(sort):
        rows = ask(f"goal={goal.id}&by=country&metrics=conversionRate&sort={sort}").json()["rows"]
        return [row["value"] for row in rows]

    assert values("-conversionRate") == ["AT", "DE"]
    assert values("conversionRate") == ["DE", "AT"]
    assert values("-revenue") == ["DE", "AT"]
    assert values("-conversions&limit=1&offset=1") == ["DE"]
    assert values("-averageRevenue&limit=1") == ["DE"]


@pytest.mark.parametrize(
    ("amount", "revenue"),
    [
        (5, 5.0),
        ("5.50", 5.5),
        (-5, -5.0),
        ("1e3", 1000.0),
        ("five", 0.0),
        ("", 0.0),
        ("9" * 16, 0.0),
        ("9" * 15, 999_999_999_999_999.0),
        ("1e15", 0.0),
        (-1e30, 0.0),
        ("1e99", 0.0),
        ("1e999", 0.0),
        ("NaN", 0.0),
        (None, 0.0),
        ([5], 0.0),
        (True, 0.0),
    ],
)
@pytest.mark.usefixtures("at_now")
def test_only_amounts_are_revenue(ask, make_goal, post, amount, revenue):
    make_goal("event", "buy", revenue_property="amount")
    post(custom(0, "buy", amount=amount))
    found = ask("by=goal&metrics=conversions,revenue").json()["totals"]["metrics"]
    assert found == {"conversions": 1, "revenue": revenue}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("metrics=conversions", {"metrics": ["conversions needs by=goal, or a goal"]}),
        (
            "sort=revenue&by=page",
            {"sort": ["revenue needs by=goal, by=time or a dimension of sessions"]},
        ),
        ("goal=x", {"goal": ["Unknown goal 'x'"]}),
        ("goal__not=x&goal__not=y", {"goal__not": ["Unknown goal 'x'"]}),
        ("goal__contains=x", {"goal__contains": ["Unknown operator 'contains'. Expected 'not'"]}),
        ("goal__known=true", {"goal__known": ["Unknown operator 'known'. Expected 'not'"]}),
        (
            "by=goal&from=2024-01-01&to=2025-12-31",
            {"from": ["A filtered range may have at most 400 days"]},
        ),
    ],
)
@pytest.mark.usefixtures("at_now")
def test_a_broken_question_is_refused(ask, query, fields):
    assert_refused(ask(query), **fields)


@pytest.mark.usefixtures("at_now")
def test_goals_of_other_websites_are_unknown(ask, make_goal, make_website, user):
    other = make_website(user, "other.example")
    goal = make_goal("page", "/", website=other)
    assert_refused(ask(f"goal={goal.id}"), goal=[f"Unknown goal '{goal.id}'"])
    assert ask("by=goal").json()["rows"] == []


# Brute force

PAGES = ("/a", "/b/1", "/b/2")
DAY = 86_400_000
times = st.integers(0, 3 * DAY).map(lambda ms: ms // 1000 * 1000)
events = st.lists(
    st.tuples(
        times,
        st.sampled_from(["s1", "s2", "s3", "s4", BOT]),
        st.sampled_from(["v1", "v2", "v3"]),
        st.sampled_from(["pageview", "custom", "custom"]),
        st.sampled_from(PAGES),
        st.sampled_from(["buy", "sign-up"]),
        st.sampled_from(["pro", "free"]),
        st.sampled_from(["DE", "AT", None]),
        st.sampled_from([None, 1, 2.25, "3", "x"]),
    ),
    min_size=5,
    max_size=40,
)
GOALS: list[dict[str, Any]] = [
    {"name": "A", "kind": "page", "value": "/a"},
    {"name": "B", "kind": "page", "value": "/b/*"},
    {"name": "Buy", "kind": "event", "value": "buy", "revenue_property": "amount"},
    {
        "name": "Pro",
        "kind": "event",
        "value": "buy",
        "properties": [PRO],
        "revenue_property": "amount",
    },
]
NAMES = ("visitors", "sessions", "conversions", "conversionRate", "revenue", "averageRevenue")


def reaches(hit, goal, properties):
    if goal.kind == "page":
        is_page = hit.page == goal.value or (goal.value == "/b/*" and hit.page.startswith("/b/"))
        return hit.type == "p" and is_page
    is_pro = not goal.properties or properties[hit.id].get("plan") == "pro"
    return hit.type == "c" and hit.name == goal.value and is_pro


def brute(sessions, properties, range, goal):
    """Return the metrics of a goal in some sessions."""

    def is_within(hit):
        return range.start <= uuid7.time_of(hit.id) < range.end

    hits = [
        hit
        for session in sessions
        for hit in session.hits
        if is_within(hit) and reaches(hit, goal, properties)
    ]
    everybody = {hit.visitor_id for each in sessions for hit in each.hits if is_within(hit)}
    converted = {hit.visitor_id for hit in hits}
    # A condition on properties finds the events of the range alone.
    has = [
        each
        for each in sessions
        if each.started_at >= range.start
        and each.started_at < range.end
        and any(
            reaches(hit, goal, properties) and (is_within(hit) or not goal.properties)
            for hit in each.hits
        )
    ]
    found = [
        Decimal(str(properties[hit.id]["amount"]))
        for hit in hits
        if goal.revenue_property and properties[hit.id].get("amount") not in (None, "x")
    ]
    rate = Decimal(100 * len(converted)) / len(everybody) if everybody else None
    return {
        "visitors": len(converted),
        "sessions": len(has),
        "conversions": len(hits),
        "conversionRate": None if rate is None else rounded(rate, "0.1"),
        "revenue": rounded(sum(found, Decimal(0)), "0.01"),
        "averageRevenue": rounded(sum(found) / len(found), "0.01") if found else None,
    }


def rounded(number, to):
    return float(number.quantize(Decimal(to), ROUND_HALF_UP))


@pytest.fixture
def fresh(make_user):
    """Make a website with goals and without events, for each example another one."""
    user = make_user()

    def make():
        domain = f"{uuid7.new_id_now()}.example"
        website = Website.objects.create(user=user, name="Site", domain=domain)
        for fields in GOALS:
            Goal.objects.create(website=website, **fields)
        return website

    return make


@st.composite
def ranges(draw):
    one, other = sorted((draw(times), draw(times)))
    if draw(st.booleans()):
        one, other = 0, 3 * DAY
    return Range(START + timedelta(milliseconds=one), START + timedelta(milliseconds=other + 1))


@pytest.mark.in_full
@settings(max_examples=repeated(60), suppress_health_check=list(HealthCheck))
@given(data=st.data(), sent=events, range=ranges())
def test_goals_equal_brute_force(fresh, data, sent, range):
    website = fresh()
    rows = [row_of(website, *each) for each in sent]
    store(website, rows)
    properties = {row.id: json.loads(row.properties or "{}") for row in rows}
    sessions = sessions_of(website, rows)
    goals = tuple(Goal.objects.of_website(website.pk))
    conditions = data.draw(st.sampled_from([(), (Condition("country", "is", ("DE",)),)]))
    chosen = [each for each in sessions if not conditions or each.client.country == "DE"]
    usual: dict[str, Any] = {
        "website": website,
        "range": range,
        "timezone": ZoneInfo("UTC"),
        "sort": "visitors",
    }
    usual |= {"now": range.end, "metrics": NAMES, "conditions": conditions}
    found = answer(Question(**usual, by="goal", goals=goals))
    expected = {str(goal.pk): brute(chosen, properties, range, goal) for goal in goals}
    assert {row.value: row.metrics for row in found.rows} == expected
    goal = data.draw(st.sampled_from(goals))
    reached = GoalCondition("goal", "is", (str(goal.pk),), (goal,))
    usual["conditions"] = (*conditions, reached)
    assert answer(Question(**usual)).totals.metrics == expected[str(goal.pk)]
    by_country = defaultdict(list)
    for session in chosen:
        by_country[session.client.country].append(session)
    by_value = {
        country: brute(each, properties, range, goal) for country, each in by_country.items()
    }
    found = answer(Question(**usual, by="country", limit=100))
    shown = {value: one for value, one in by_value.items() if one["visitors"] or one["sessions"]}
    assert {row.value: row.metrics for row in found.rows} == shown


def row_of(website, ms, session, visitor, kind, page, name, plan, country, amount):
    properties = {"name": name, "plan": plan, "amount": amount} if kind == "custom" else {}
    properties = {key: value for key, value in properties.items() if value is not None}
    return event_row(website, ms, session, visitor, kind, page, country, **properties)
