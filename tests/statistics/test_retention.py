"""Statistics: retention by week, against a brute force that is written from the definition"""

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.events.ingest import TABLE
from analytics.ingest.commit import store_group
from analytics.reports.derived import rollup, sealing
from analytics.reports.retention import cohorts as module
from analytics.reports.retention.cohorts import retention
from analytics.reports.retention.parameters import retention_question
from config.db import uuid7
from tests.support.client_contexts import BROWSER
from tests.support.events import new_row
from tests.support.in_full import repeated
from tests.support.responses import assert_error, assert_response
from tests.support.shares import token_of_share
from tests.support.statistics import DATABASES, NOW, assert_refused
from tests.support.websites import NOT_FOUND
from websites import tokens
from websites.models import Website

pytestmark = pytest.mark.django_db(databases=DATABASES)
BERLIN = ZoneInfo("Europe/Berlin")
BOT = BROWSER | {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}


@pytest.fixture
def stranger_token(make_user):
    return tokens.issue(make_user("stranger@example.com")).access


def visit(at, visitor, **more):
    """Return an event of a visitor, in a session of its own."""
    return at, {"visitorId": visitor, "sessionId": f"{visitor} {at}"} | more


def cell(visitors, rate, **more):
    return {"metrics": {"visitors": visitors, "retentionRate": rate}} | more


def row(start, visitors, *weeks, **more):
    return {"value": start, "metrics": {"visitors": visitors}, "weeks": list(weeks)} | more


RUNNING = {"complete": False}
META = {
    "from": "2026-03-09T00:00:00+00:00",
    "to": "2026-03-30T00:00:00+00:00",
    "timezone": "UTC",
    "filters": [],
    "total": 3,
    "asOf": "2026-03-29T12:03:00.000Z",
    "exact": True,
    "interval": "week",
}
# Monday to Sunday, the running week; NOW is its last day.
FIRST, SECOND, THIRD = (NOW - timedelta(days=days) for days in (14, 7, 0))


@pytest.mark.usefixtures("at_now")
def test_visitors_belong_to_the_week_of_their_first_event(ask, post):
    post(
        visit(FIRST, "a"),
        visit(FIRST, "b"),
        visit(FIRST, "c"),
        visit(SECOND, "a"),
        visit(SECOND, "a", url="https://example.com/again"),
        visit(SECOND, "d"),
        visit(THIRD, "a"),
        visit(THIRD, "b"),
    )
    rows = [
        row("2026-03-09T00:00:00+00:00", 3, cell(1, 33.3), cell(2, 66.7, **RUNNING)),
        row("2026-03-16T00:00:00+00:00", 1, cell(0, 0, **RUNNING)),
        row("2026-03-23T00:00:00+00:00", 0, **RUNNING),
    ]
    totals = {"metrics": {"visitors": 4}, "weeks": [cell(1, 33.3), cell(0, None)]}
    body = {"rows": rows, "totals": totals, "meta": META}
    assert_response(ask("weeks=3", path="retention"), 200, body)


@pytest.mark.usefixtures("at_now")
def test_without_events_there_are_weeks_all_the_same(ask):
    body = ask(path="retention").json()
    assert [len(each["weeks"]) for each in body["rows"]] == [*range(11, -1, -1)]
    assert {each["metrics"]["visitors"] for each in body["rows"]} == {0}
    assert body["totals"]["weeks"] == [cell(0, None)] * 11


@pytest.mark.usefixtures("at_now")
def test_who_came_before_is_not_new(ask, post):
    post(visit(NOW - timedelta(days=500), "a"), visit(FIRST, "a"), visit(SECOND, "a"))
    body = ask("weeks=3", path="retention").json()
    assert [each["metrics"]["visitors"] for each in body["rows"]] == [0, 0, 0]


@pytest.mark.usefixtures("at_now")
def test_a_late_event_moves_its_visitor_to_an_earlier_week(ask, post, website):
    post(visit(SECOND, "a"))
    seal_all(website)
    new = lambda: [  # noqa: E731
        each["metrics"]["visitors"] for each in ask("weeks=3", path="retention").json()["rows"]
    ]
    assert new() == [0, 1, 0]
    post(visit(FIRST, "a"))
    assert new() == [1, 0, 0]


@pytest.mark.usefixtures("at_now")
def test_bots_and_reserved_events_do_not_count(ask, post):
    post(visit(FIRST, "bot"), visit(SECOND, "bot"), headers=BOT)
    reserved = {"eventType": "custom", "properties": {"name": "$engagement", "seconds": 3}}
    post(visit(FIRST, "a"), visit(SECOND, "a", **reserved))
    body = ask("weeks=3", path="retention").json()
    assert body["rows"][0] == row("2026-03-09T00:00:00+00:00", 1, cell(0, 0), cell(0, 0, **RUNNING))


@pytest.mark.usefixtures("at_now")
def test_weeks_are_those_of_the_zone_of_the_website(ask, post, website):
    website.change(timezone="Europe/Berlin")
    midnight = datetime(2026, 3, 16, tzinfo=BERLIN)
    post(visit(midnight - timedelta(seconds=1), "a"), visit(midnight, "b"))
    body = ask("weeks=4", path="retention").json()
    assert [(each["value"], each["metrics"]["visitors"]) for each in body["rows"]] == [
        ("2026-03-02T00:00:00+01:00", 0),
        ("2026-03-09T00:00:00+01:00", 1),
        ("2026-03-16T00:00:00+01:00", 1),
        ("2026-03-23T00:00:00+01:00", 0),
    ]
    assert body["meta"]["to"] == "2026-03-30T00:00:00+02:00"


@pytest.mark.usefixtures("at_now")
def test_conditions_choose_by_the_first_week(ask, post):
    post(
        visit(FIRST, "a", location="DE"),
        visit(FIRST, "b", location="FR"),
        visit(FIRST, "c", location="FR"),
        visit(SECOND, "a", location="FR"),
        visit(SECOND, "b", location="DE"),
        visit(THIRD, "d", location="DE"),
    )
    body = ask("weeks=3&country=DE", path="retention").json()
    assert body["rows"] == [
        row("2026-03-09T00:00:00+00:00", 1, cell(1, 100), cell(0, 0, **RUNNING)),
        row("2026-03-16T00:00:00+00:00", 0, cell(0, None, **RUNNING)),
        row("2026-03-23T00:00:00+00:00", 1, **RUNNING),
    ]
    assert body["meta"] == META | {"filters": [["country", "is", ["DE"]]]}


@pytest.mark.usefixtures("at_now")
def test_weeks_of_another_zone_are_asked_for(ask, post):
    midnight = datetime(2026, 3, 16, tzinfo=BERLIN)
    post(visit(midnight - timedelta(seconds=1), "a"), visit(midnight, "b"))
    body = ask("weeks=3&timezone=Europe/Berlin", path="retention").json()
    assert [each["metrics"]["visitors"] for each in body["rows"]] == [1, 1, 0]
    assert (body["meta"]["from"], body["meta"]["timezone"]) == (
        "2026-03-09T00:00:00+01:00",
        "Europe/Berlin",
    )


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("weeks=0", {"weeks": ["Number must be greater than or equal to 1"]}),
        ("weeks=54", {"weeks": ["Number must be less than or equal to 53"]}),
        ("weeks=x", {"weeks": ["Expected a whole number"]}),
        ("weeks=1&weeks=2", {"weeks": ["Must not be repeated"]}),
        ("period=7d", {"period": ["Unknown parameter"]}),
        (
            "timezone=Mars",
            {"timezone": ["Invalid time zone 'Mars'. Expected an IANA name such as Europe/Berlin"]},
        ),
        ("country=", {"country": ["String must contain at least 1 character(s)"]}),
    ],
)
def test_what_makes_no_sense_is_rejected(ask, query, errors):
    assert_refused(ask(query, path="retention"), **errors)


def test_one_week_has_no_later_one(ask):
    body = ask("weeks=1", path="retention").json()
    assert (len(body["rows"]), body["totals"]["weeks"]) == (1, [])


def test_it_is_the_owners_and_that_of_a_share(ask, website, make_website, user, stranger_token):
    share = token_of_share(website)
    assert ask(path="retention", as_token=share).status_code == 200
    assert_error(ask(path="retention", as_token=stranger_token), *NOT_FOUND)
    other = make_website(user, "other.example")
    assert_error(ask(path="retention", id=other.id, as_token=share), *NOT_FOUND)


@pytest.mark.parametrize("away", ["analytics_away", "main_database_away"])
def test_without_a_database_it_is_unavailable(ask, request, away):
    request.getfixturevalue(away)
    unavailable = (503, "SERVICE_UNAVAILABLE", "Event storage is unavailable")
    assert_error(ask(path="retention"), *unavailable)


# The brute force

ZONES = ("UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo")
START = datetime(2025, 9, 1, tzinfo=UTC)  # a Monday, before clocks change in October
DAYS = 70
visits = st.lists(
    st.tuples(
        st.one_of(st.integers(0, DAYS * 24), st.sampled_from([168 * n for n in range(10)])),
        st.sampled_from(["v1", "v2", "v3", "v4", "v5"]),
        st.sampled_from([None, "a long session"]),
        st.sampled_from(["/a", "/b"]),
    ),
    max_size=40,
)


def brute(events, zone, weeks, now, page):
    """Return the size of each cohort, of whom sees a page in it, and its cells."""
    monday = (now.astimezone(zone) - timedelta(days=now.astimezone(zone).weekday())).date()
    starts = [monday + timedelta(days=7) * (n - weeks + 1) for n in range(weeks)]
    by_visitor, fitting = defaultdict(set), set()
    for at, visitor, seen in events:
        day = at.astimezone(zone).date()
        week = day - timedelta(days=day.weekday())
        by_visitor[visitor].add(week)
        fitting |= {(visitor, week)} if page in (seen, None) else set()
    cohorts = []
    for week, start in enumerate(starts):
        cohort = [
            came
            for visitor, came in by_visitor.items()
            if min(came) == start and (visitor, start) in fitting
        ]
        came = [sum(later in each for each in cohort) for later in starts[week + 1 :]]
        cohorts.append((len(cohort), [(each, rate(each, len(cohort))) for each in came]))
    return cohorts


def rate(part, whole):
    return math.floor(Fraction(1000 * part, whole) + Fraction(1, 2)) / 10 if whole else None


def seal_all(website, now=NOW):
    zone = ZoneInfo(website.timezone)
    while sealing.seal_due(website.pk, zone, now):
        pass


def store(website, events):
    """Store visits, of some of which the sessions are one; bring the sessions up to date."""
    rows = [
        new_row(
            id=uuid7.new_id(uuid7.to_ms(at)),
            created_at=at,
            website_id=website.pk,
            session_id=session or f"{visitor} {n}",
            visitor_id=visitor,
            url=f"https://example.com{page}",
        )
        for n, (at, visitor, session, page) in enumerate(events)
    ]
    if rows:
        store_group(TABLE, [rows])
    assert rollup.refresh(website, 60)


@pytest.fixture
def fresh(make_user):
    """Make a website without events, for each example another one."""
    user = make_user()

    def make(zone):
        domain = f"{uuid7.new_id_now()}.example"
        return Website.objects.create(user=user, name="Site", domain=domain, timezone=zone)

    return make


@pytest.mark.in_full
@settings(max_examples=repeated(12), suppress_health_check=list(HealthCheck))
@given(
    visits=visits,
    late=visits,
    zone=st.sampled_from(ZONES),
    asked_zone=st.sampled_from(ZONES),
    page=st.sampled_from([None, "/a"]),
    weeks=st.integers(1, 12),
    hours=st.integers(DAYS * 12, DAYS * 24),
)
def test_retention_equals_brute_force(
    fresh, monkeypatch, visits, late, zone, asked_zone, page, weeks, hours
):
    monkeypatch.setattr(module, "WEEKS_AT_ONCE", 2)
    website, now = fresh(zone), START + timedelta(hours=hours, minutes=3)
    query = {"weeks": weeks, "timezone": asked_zone} | ({"page": page} if page else {})
    asked = lambda: retention(retention_question(website, QueryDict(urlencode(query)), now))  # noqa: E731
    events = []
    for sent in (visits, late):
        more = [(START + timedelta(hours=hour), *rest) for hour, *rest in sent]
        store(website, more)
        events += [(at, visitor, seen) for at, visitor, _, seen in more]
        found = asked()
        cohorts = [
            (cohort.visitors, [(each.visitors, each.rate) for each in cohort.cells])
            for cohort in found.cohorts
        ]
        assert cohorts == brute(events, ZoneInfo(asked_zone), weeks, now, page)
        seal_all(website, now)
        assert asked() == found
    starts = [*(cohort.start for cohort in found.cohorts), found.range.end]
    assert all(timedelta(days=6.9) < b - a < timedelta(days=7.1) for a, b in pairwise(starts))
