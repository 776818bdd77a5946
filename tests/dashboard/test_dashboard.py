"""GET /api/v1/dashboard/…: five views of a website's last days"""

import json
from collections import Counter
from datetime import timedelta

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.events.models import Event
from config.db import uuid7
from tests.support.databases import failing
from tests.support.events import store_event
from tests.support.query_plans import plan_of, statements
from tests.support.responses import assert_response
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

PATH = "/api/v1/dashboard/"
VIEWS = {
    "metrics": "metrics",
    "pageviews": "pageview data",
    "top-pages": "top pages",
    "referrers": "referrer data",
    "devices": "device statistics",
}
NOT_YOURS = {"error": "Unauthorized access to website"}
DAY_MS = 86_400_000


@pytest.fixture
def now(clock):
    """A time in milliseconds that stands still."""
    return uuid7.to_ms(clock.now)


@pytest.fixture
def ask(token, website):
    """Ask a view for the website's numbers; return the response."""

    def ask(view, **query):
        query = {"websiteId": str(website.id)} | query
        client = Client(headers={"Authorization": f"Bearer {token}"})
        return client.get(
            PATH + view, {key: value for key, value in query.items() if value is not None}
        )

    return ask


@pytest.fixture
def add(website, now):
    """Store an event of the website, some milliseconds before now."""

    def add(ago_ms, **fields):
        return store_event(now - ago_ms, **{"website_id": website.id} | fields)

    return add


def test_the_totals_are_compared_with_those_before(ask, add, website):
    add(3 * DAY_MS, session_id="1", visitor_id="A")
    add(3 * DAY_MS - 60_000, session_id="1", visitor_id="A")
    add(2 * DAY_MS, session_id="2", visitor_id="B")
    add(8 * DAY_MS, session_id="0", visitor_id="C")
    data = {
        "pageViews": 3,
        "pageViewsChange": 200,
        "uniqueVisitors": 2,
        "uniqueVisitorsChange": 100,
        "sessions": 2,
        "sessionsChange": 100,
        "avgSessionDuration": 30,
        "avgSessionDurationChange": 100,
        "bounceRate": 50,
        "bounceRateChange": -50,
    }
    expected = {"success": True, "data": data, "website": str(website.id), "period": "Last 7 days"}
    assert_response(ask("metrics"), 200, expected)


def test_a_website_without_events_has_zeros(ask):
    assert set(ask("metrics").json()["data"].values()) == {0}
    assert_response(ask("pageviews"), 200, {"success": True, "data": [], "total": 0})
    assert_response(ask("top-pages"), 200, {"success": True, "data": [], "total": 0})
    assert_response(ask("referrers"), 200, {"success": True, "data": [], "total": 0})
    devices = {"mobile": 0, "desktop": 0, "tablet": 0, "other": 0}
    assert_response(ask("devices"), 200, {"success": True, "data": devices})


def test_a_boundary_belongs_to_the_later_period(ask, add):
    for ago in (2 * DAY_MS + 1, 2 * DAY_MS, DAY_MS + 1, DAY_MS, 1, 0, -1):
        add(ago, session_id=str(ago), visitor_id=str(ago))
    found = ask("metrics", days="1").json()
    assert found["period"] == "Last 1 days"
    assert (found["data"]["pageViews"], found["data"]["pageViewsChange"]) == (2, 0)


def test_only_events_in_the_period_make_a_session(ask, add):
    add(DAY_MS + 10_000, session_id="1")
    add(DAY_MS - 10_000, session_id="1")
    add(DAY_MS - 20_000, session_id="1", event_type="custom")
    found = ask("metrics", days="1").json()["data"]
    assert (found["avgSessionDuration"], found["bounceRate"], found["sessions"]) == (10, 100, 1)


def test_numbers_are_rounded_half_up(ask, add):
    for session, ms in (("1", 2500), ("2", 2499)):
        add(DAY_MS, session_id=session)
        add(DAY_MS - ms, session_id=session, event_type="click")
    assert ask("metrics").json()["data"]["avgSessionDuration"] == 2  # 2.4995
    add(DAY_MS - 2501, session_id="2", event_type="click")
    assert ask("metrics").json()["data"]["avgSessionDuration"] == 3  # 2.5005


@pytest.mark.parametrize(
    ("current", "previous", "change"), [(3, 2, 50), (1, 0, 100), (0, 1, -100), (39, 40, -2)]
)
def test_a_change_is_in_per_cent(ask, add, current, previous, change):
    for number in range(current):
        add(number + 1)
    for number in range(previous):
        add(DAY_MS + number + 1)
    assert ask("metrics", days="1").json()["data"]["pageViewsChange"] == change


def test_page_views_are_counted_by_day_of_utc(ask, add, clock):
    midnight = clock.now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = (clock.now - midnight) // timedelta(milliseconds=1)
    for ago in (since, since, since + 1, since + 2 * DAY_MS):
        add(ago)
    add(since, event_type="click")
    days = [(midnight - timedelta(days=n)).date().isoformat() for n in (2, 1, 0)]
    data = [{"date": day, "pageviews": n} for day, n in zip(days, (1, 1, 2), strict=True)]
    assert_response(ask("pageviews"), 200, {"success": True, "data": data, "total": 4})


def test_pages_are_urls_with_their_sessions(ask, add):
    add(90_000, url="https://example.com/a", session_id="1", visitor_id="A")
    add(30_000, url="https://example.com/b", session_id="1", visitor_id="A")
    add(20_000, url="https://example.com/b", session_id="2", visitor_id="B")
    add(10_000, url="https://example.com/b", session_id="2", visitor_id="B", event_type="click")
    add(10_000, url="https://example.com/c", session_id="3", visitor_id="B", event_type="custom")
    pages = [
        ("https://example.com/b", 2, 2, 50, 35),
        ("https://example.com/a", 1, 1, 0, 60),
    ]
    names = ("url", "views", "uniqueVisitors", "bounceRate", "avgSessionDuration")
    data = [dict(zip(names, page, strict=True)) for page in pages]
    assert_response(ask("top-pages"), 200, {"success": True, "data": data, "total": 2})
    assert_response(
        ask("top-pages", limit="1"), 200, {"success": True, "data": data[:1], "total": 1}
    )


REFERRERS = [
    (None, "Direct"),
    ("https://www.Google.com/search?q=a@b", "google.com"),
    ("http://user:pass@news.example:8080/x", "news.example"),
    ("https://[2001:DB8::1]:80/", "[2001:db8::1]"),
    ("android-app://com.google.android.gm/", "com.google.android.gm"),
    ("https://www.www.example", "www.example"),
    ("https://example.org?next=https://other.example/", "example.org"),
    ("https://example.net#@other.example", "example.net"),
    ("https://xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
    ("file:///home/me", "Direct"),
]


@pytest.mark.parametrize(("referrer", "host"), REFERRERS)
def test_referrers_are_counted_by_host(ask, add, referrer, host):
    add(3, referrer=referrer, session_id="1", visitor_id="A")
    add(2, referrer=referrer, session_id="2", visitor_id="A")
    add(1, referrer=referrer, session_id="2", visitor_id="A", event_type="click")
    row = {"referrer": host, "visitors": 1, "sessions": 2, "pageViews": 2}
    assert_response(ask("referrers"), 200, {"success": True, "data": [row], "total": 1})


def test_referrers_come_by_their_page_views_and_then_by_name(ask, add):
    for number, host in enumerate("bbaccc"):
        add(number + 1, referrer=f"https://{host}.example/{number}")
    hosts = [row["referrer"] for row in ask("referrers").json()["data"]]
    assert hosts == ["c.example", "b.example", "a.example"]
    assert len(ask("referrers", limit="2").json()["data"]) == 2


def test_devices_are_those_that_events_name(ask, add):
    for number, device in enumerate(["mobile", "mobile", "desktop", "tablet", None]):
        add(number + 1, device_type=device)
    add(9, device_type="tablet", event_type="click")
    data = {"mobile": 2, "desktop": 1, "tablet": 1, "other": 1}
    assert_response(ask("devices"), 200, {"success": True, "data": data})


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_of_the_last_days_of_one_website(ask, add, make_website, user, view):
    other = make_website(user, "other.example")
    nothing = ask(view).json()
    add(15 * DAY_MS)
    add(0)
    add(1, website_id=other.id)
    assert_response(ask(view), 200, nothing)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("missing", [None, ""])
def test_a_website_is_required(ask, view, missing):
    assert_response(ask(view, websiteId=missing), 400, {"error": "websiteId is required"})


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    "id", ["xyz", "019c0428-0ea0-7bae-841b-02c41ed0fd8a", "%00", "\0", "x" * 5000]
)
def test_an_unknown_website_is_forbidden(ask, view, id):
    assert_response(ask(view, websiteId=id), 403, NOT_YOURS)


@pytest.mark.parametrize("view", VIEWS)
def test_a_website_of_somebody_else_is_forbidden(website, make_user, view):
    stranger = tokens.issue(make_user("stranger@example.com")).access
    client = Client(headers={"Authorization": f"Bearer {stranger}"})
    response = client.get(PATH + view, {"websiteId": str(website.id)})
    assert_response(response, 403, NOT_YOURS)


@pytest.mark.parametrize("view", VIEWS)
def test_nobody_reads_without_a_token(website, view):
    body = {"error": "UNAUTHORIZED", "message": "Missing or invalid authorization header"}
    assert_response(Client().get(PATH + view), 401, body)
    lower = Client(headers={"Authorization": "bearer x"})
    assert_response(lower.get(PATH + view, {"websiteId": str(website.id)}), 401, body)


@pytest.mark.parametrize("view", VIEWS)
def test_other_methods_come_before_all_else(view):
    body = {"error": "METHOD_NOT_ALLOWED", "message": "Method not allowed"}
    response = Client().post(PATH + view)
    assert_response(response, 405, body, {"Allow": "GET, HEAD"})


def test_the_owner_of_a_website_that_is_off_still_sees_it(ask, add, website):
    add(1)
    website.change(is_active=False)
    assert ask("metrics").json()["data"]["pageViews"] == 1


@pytest.mark.parametrize(
    ("days", "used"),
    [("abc", 7), ("", 7), ("1.5", 7), ("0", 1), ("-3", 1), ("30", 30), ("999999999999", 3650)],
)
def test_days_are_brought_into_range(ask, days, used):
    assert ask("metrics", days=days).json()["period"] == f"Last {used} days"


@pytest.mark.parametrize("limit", [("0", 1), ("-1", 1), ("x", 10), ("11", 11), ("9" * 400, 12)])
def test_a_limit_is_brought_into_range(ask, add, limit):
    sent, rows = limit
    for number in range(12):
        add(number + 1, url=f"https://example.com/{number}")
    assert len(ask("top-pages", limit=sent).json()["data"]) == rows


@pytest.mark.parametrize(("view", "name"), VIEWS.items())
def test_what_nobody_foresaw_is_told_in_a_sentence(ask, monkeypatch, view, name):
    monkeypatch.setattr("analytics.dashboard.queries.Period.read", lambda *ignored: 1 / 0)
    assert_response(ask(view), 500, {"error": f"Failed to fetch {name}"})


@pytest.mark.parametrize("view", VIEWS)
def test_a_question_that_takes_too_long_is_given_up(ask, view):
    with failing("analytics", "canceling statement due to statement timeout"):
        response = ask(view)
    assert_response(response, 503, {"error": "Event storage is unavailable"}, {"Retry-After": "5"})


def test_the_index_finds_the_events(ask, token, website):
    client = Client(headers={"Authorization": f"Bearer {token}"})
    query = {"websiteId": str(website.id)}
    for view in VIEWS:
        for sql in statements(client, PATH + view, query, table="analytics_event"):
            _, indexes = plan_of(sql, allow_scans=False)
            assert indexes == {"event_website_id"}


# ---- Against the formulas in plain Python ----

EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "ago": st.integers(-1, 5),  # half days, so that equal times and both periods occur
            "jitter": st.integers(0, 2).map(lambda n: n * 30_500),
            "event_type": st.sampled_from(["pageview", "pageview", "click", "custom"]),
            "session_id": st.sampled_from("123"),
            "visitor_id": st.sampled_from("AB"),
            "url": st.sampled_from(["https://e.example/", "https://e.example/a"]),
        }
    ),
    max_size=12,
)


def half_up(x, y):
    return (2 * x + y) // (2 * y) if y else 0


def expected_metrics(events):
    """Return the five numbers of events, a list of (time, fields)."""
    views = [(at, event) for at, event in events if event["event_type"] == "pageview"]
    by_session = Counter(event["session_id"] for _, event in views)
    times: dict[str, list[int]] = {}
    for at, event in events:
        times.setdefault(event["session_id"], []).append(at)
    duration = sum(max(each) - min(each) for each in times.values())
    bounced = sum(count == 1 for count in by_session.values())
    visitors = {event["visitor_id"] for _, event in events}
    return (
        *(len(views), len(visitors), len(by_session)),
        *(half_up(duration, 1000 * len(times)), half_up(100 * bounced, len(by_session))),
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_the_totals_are_those_of_the_formulas(ask, add, now, events):
    Event.objects.all().delete()
    placed = []
    for event in events:
        fields = {name: event[name] for name in ("event_type", "session_id", "visitor_id", "url")}
        ago = event["ago"] * DAY_MS // 2 + event["jitter"]
        add(ago, **fields)
        placed.append((now - ago, fields))
    current = [each for each in placed if now - DAY_MS <= each[0] < now]
    previous = [each for each in placed if now - 2 * DAY_MS <= each[0] < now - DAY_MS]
    found = ask("metrics", days="1").json()["data"]
    names = ("pageViews", "uniqueVisitors", "sessions", "avgSessionDuration", "bounceRate")
    mine, before = expected_metrics(current), expected_metrics(previous)
    assert tuple(found[name] for name in names) == mine, json.dumps(events)
    assert found["bounceRateChange"] == mine[4] - before[4]
    assert found["sessionsChange"] == (
        half_up(100 * (mine[2] - before[2]), before[2]) if before[2] else 100 * (mine[2] > 0)
    )
