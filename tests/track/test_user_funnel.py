"""GET /api/v1/analytics/funnel"""

import random
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.funnel.models import FunnelEvent
from config.db import uuid7
from tests.support.databases import failing
from tests.support.funnel import NO_DAY, assert_track_error, at, sign_up, track
from websites import tokens
from websites.models import User

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

PATH = "/api/v1/analytics/funnel"
NOW = datetime(2026, 10, 28, 12, tzinfo=UTC)
MS = timedelta(milliseconds=1)
RANGE = {"from": "2026-10-01", "to": "2026-10-28"}
NO_HEADERS: dict[str, str] = {}
INVALID = (400, "VALIDATION_ERROR", "Validation failed", "common.validation_failed")


@pytest.fixture(autouse=True)
def _now(clock):
    clock.set(NOW)


@pytest.fixture
def staff():
    """A user on the staff who signed up long before all ranges."""
    id = uuid7.floor(datetime(2020, 1, 1, tzinfo=UTC))
    return User.objects.create_user("staff@example.com", "SecurePass123", id=id, is_staff=True)


@pytest.fixture
def staff_token(staff):
    return tokens.issue(staff).access


@pytest.fixture
def ask(api, staff_token):
    """Return the data of a funnel."""

    def get(*events, **query):
        response = api.get(PATH, {"event": list(events)} | RANGE | query, token=staff_token)
        assert response.status_code == 200, response.content
        assert response.json()["success"] is True
        return response.json()["data"]

    return get


# What it counts


def test_users_reach_steps_in_their_order(ask):
    first, second, third = (sign_up(at(day)) for day in (1, 1, 2))
    for user, names in ((first, "abc"), (second, "ab"), (third, "ba")):
        for number, name in enumerate(names):
            track(user, name, at(5, 60 * number))
    assert ask("a", "b", "c") == {
        "firstDay": "2026-10-01",
        "lastDay": "2026-10-28",
        "signups": 3,
        "steps": [
            {
                "event": "a",
                "users": 3,
                "conversionFromFirst": 100.0,
                "conversionFromPrevious": None,
                "dropOff": None,
                "medianSeconds": None,
            },
            {
                "event": "b",
                "users": 2,
                "conversionFromFirst": 66.7,
                "conversionFromPrevious": 66.7,
                "dropOff": 1,
                "medianSeconds": 60.0,
            },
            {
                "event": "c",
                "users": 1,
                "conversionFromFirst": 33.3,
                "conversionFromPrevious": 50.0,
                "dropOff": 1,
                "medianSeconds": 60.0,
            },
        ],
        "days": [
            {"day": "2026-10-01", "signups": 2, "steps": [2, 2, 1], "conversionRate": 50.0},
            {"day": "2026-10-02", "signups": 1, "steps": [1, 0, 0], "conversionRate": 0.0},
        ],
    }


def test_without_users_all_is_zero(ask):
    data = ask("a", "b")
    assert (data["signups"], data["days"]) == (0, [])
    assert [step["users"] for step in data["steps"]] == [0, 0]
    assert data["steps"][1]["conversionFromPrevious"] is None


def test_one_name_twice_is_two_events(ask):
    once, twice = sign_up(at(1)), sign_up(at(1))
    track(once, "a", at(2))
    track(twice, "a", at(2))
    track(twice, "a", at(2, 30))
    assert [step["users"] for step in ask("a", "a")["steps"]] == [2, 1]


def test_an_event_that_was_tracked_counts_at_once(api, ask, user, token, clock):
    for name in ("signup_started", "checkout, done"):
        clock.move(seconds=1)
        api.post("/api/v1/analytics/track", {"event": name}, token=token)
    assert [step["users"] for step in ask("signup_started", "checkout, done")["steps"]] == [1, 1]


@pytest.mark.parametrize("name", ["", " ", "'; DROP TABLE x; --", "%s", "{x}", "ü\n", "a" * 5000])
def test_a_name_is_any_text(ask, name):
    user = sign_up(at(1))
    track(user, name, at(2))
    track(user, "b", at(3))
    assert [step["users"] for step in ask(name, "b")["steps"]] == [1, 1]


def test_only_sign_ups_and_events_of_the_range_count(ask):
    edges = (datetime(2026, 10, 3, tzinfo=UTC), datetime(2026, 10, 6, tzinfo=UTC))
    before, first, last, after = (
        sign_up(when) for when in (edges[0] - MS, edges[0], edges[1] - MS, edges[1])
    )
    for user in (before, first, last, after):
        track(user, "a", edges[1] - MS)
        track(user, "b", edges[1])
    data = ask("a", "b", **{"from": "2026-10-03", "to": "2026-10-05"})
    assert data["signups"] == 2
    assert [step["users"] for step in data["steps"]] == [2, 0]
    assert [day["day"] for day in data["days"]] == ["2026-10-03", "2026-10-05"]


def test_without_parameters_the_usual_steps_of_28_days_are_shown(api, staff_token):
    data = api.get(PATH, token=staff_token).json()["data"]
    assert (data["firstDay"], data["lastDay"]) == ("2026-10-01", "2026-10-28")
    assert [step["event"] for step in data["steps"]] == [
        *("bio_link_click", "signup_started", "profile_saved", "checkout_started"),
        "checkout_done",
    ]


def test_numbers_are_those_of_brute_force(ask):
    chance = random.Random(7)
    names, steps = "abcd", "abca"
    users = [sign_up(at(chance.randrange(1, 6), chance.random() * 1000)) for _ in range(25)]
    events: dict[User, list[tuple[datetime, str]]] = {user: [] for user in users}
    for user in users:
        for _ in range(chance.randrange(12)):
            when, name = at(chance.randrange(1, 9), chance.randrange(9000)), chance.choice(names)
            track(user, name, when)
    for event in FunnelEvent.objects.order_by("id"):
        events[event.user].append((event.created_at, event.event_type))
    reached, gaps = brute_force(events, steps)
    data = ask(*steps)
    assert [step["users"] for step in data["steps"]] == [
        sum(depth > number for depth in reached.values()) for number in range(len(steps))
    ]
    assert [step["medianSeconds"] for step in data["steps"][1:]] == [
        round(median(found), 1) for found in gaps
    ]
    for day in data["days"]:
        depths = [d for user, d in reached.items() if f"{user.created_at:%Y-%m-%d}" == day["day"]]
        assert day["signups"] == len(depths)
        assert day["steps"] == [sum(d > number for d in depths) for number in range(len(steps))]


def brute_force(events, steps):
    """Return how many steps each user takes, and the seconds before each step but the first."""
    reached: dict[User, int] = {}
    gaps: list[list[float]] = [[] for _ in steps[1:]]
    for user, found in events.items():
        depth, before = 0, None
        for when, name in found:
            if depth < len(steps) and name == steps[depth]:
                if before:
                    gaps[depth - 1].append((when - before).total_seconds())
                depth, before = depth + 1, when
        reached[user] = depth
    return reached, gaps


def test_it_is_one_statement(api, staff_token):
    api.get(PATH, token=staff_token)
    with CaptureQueriesContext(connections["default"]) as queries:
        api.get(PATH, {"event": list("abcdefghij")}, token=staff_token)
    assert len([each for each in queries if "funnelevent" in each["sql"]]) == 1


# Who may ask, and for what


def test_without_a_token_nobody_may(api):
    expected = (401, "AUTH_UNAUTHORIZED", "Authentication required", "auth.unauthorized")
    assert_track_error(api.get(PATH), *expected, headers=NO_HEADERS)


@pytest.mark.parametrize("query", [{}, {"from": "nonsense"}])
def test_only_staff_may(api, token, query):
    expected = (403, "FORBIDDEN", "Not allowed", "auth.forbidden")
    assert_track_error(api.get(PATH, query, token=token), *expected, headers=NO_HEADERS)


def test_who_leaves_the_staff_may_not_any_more(api, staff, staff_token):
    assert api.get(PATH, token=staff_token).status_code == 200
    User.objects.update(is_staff=False)
    assert api.get(PATH, token=staff_token).status_code == 403


def test_other_methods_are_not_allowed(api):
    response = api.post(PATH, {})
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ({"event": "a"}, ["event must be given 2 to 10 times"]),
        ({"event": list("abcdefghijk")}, ["event must be given 2 to 10 times"]),
        ({"event": ["a", "b\0"]}, ["event must not contain NUL characters"]),
        ({"from": "x", "to": "2026-02-30"}, [f"from {NO_DAY}", f"to {NO_DAY}"]),
        ({"from": ""}, [f"from {NO_DAY}"]),
        ({"from": "20261001"}, [f"from {NO_DAY}"]),
        ({"from": "2026-W40-4"}, [f"from {NO_DAY}"]),
        ({"to": "1999-12-31"}, [f"to {NO_DAY}"]),
        ({"to": "9999-12-31"}, [f"to {NO_DAY}"]),
        ({"to": "\uff12\uff10\uff12\uff16-10-01"}, [f"to {NO_DAY}"]),
        ({"from": ["2026-10-01", "2026-10-02"]}, ["from must not be repeated"]),
        ({"from": "2026-10-02", "to": "2026-10-01"}, ["to must not be before from"]),
        ({"from": "2026-10-29"}, ["to must not be before from"]),
        (
            {"from": "2026-07-28", "to": "2026-10-28"},
            ["from must be at most 92 days before to, which counts"],
        ),
        ({"step": "a"}, ["step is an unknown parameter"]),
    ],
)
def test_a_question_without_sense_is_refused(api, staff_token, query, messages):
    response = api.get(PATH, query, token=staff_token)
    assert_track_error(response, *INVALID, details=messages, headers=NO_HEADERS)


@pytest.mark.parametrize("first", ["2026-07-29", "2026-10-28"])
def test_a_range_has_one_to_92_days(ask, first):
    assert ask("a", "b", **{"from": first})["firstDay"] == first


def test_a_database_that_is_away_is_said(api, staff_token):
    api.get(PATH, token=staff_token)  # the token is known for a moment
    with failing("default", "the main database is away"):
        response = api.get(PATH, token=staff_token)
    assert response["Retry-After"] == "5"
    expected = (503, "SERVICE_UNAVAILABLE", "Statistics are unavailable")
    headers = {"Retry-After": "5"}
    key = "common.service_unavailable"
    assert_track_error(response, *expected, key, headers=headers)


def test_requests_of_one_user_are_limited(api, staff_token, settings):
    settings.RATE_STATS = "2/m"
    assert [api.get(PATH, token=staff_token).status_code for _ in range(3)] == [200, 200, 429]
