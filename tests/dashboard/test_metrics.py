"""GET /api/v1/dashboard/metrics"""

import pytest

from tests.support.dashboard import DAY_MS, metrics_body
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

WEEK_MS = 7 * DAY_MS
CLICK = {"event_type": "click"}
ONE_VIEW = {"pageViews": 1, "uniqueVisitors": 1, "sessions": 1, "bounceRate": 100}
FIRST_VIEW = ONE_VIEW | dict.fromkeys(
    ("pageViewsChange", "uniqueVisitorsChange", "sessionsChange", "bounceRateChange"), 100
)


def of(session, visitor="v", **fields):
    return {"session_id": session, "visitor_id": visitor} | fields


def test_a_week_is_compared_with_the_one_before(ask, store, website):
    hour_ms = 3_600_000
    store(
        (hour_ms, of("1", "A")),
        (hour_ms - 60_000, of("1", "A")),
        (hour_ms, of("2", "B")),
        (WEEK_MS + hour_ms, of("0", "A")),
    )
    expected = metrics_body(
        website,
        pageViews=3,
        pageViewsChange=200,
        uniqueVisitors=2,
        uniqueVisitorsChange=100,
        sessions=2,
        sessionsChange=100,
        avgSessionDuration=30,
        avgSessionDurationChange=100,
        bounceRate=50,
        bounceRateChange=-50,
    )
    assert_response(ask("metrics"), 200, expected)


def test_without_events_all_is_0(ask, website):
    assert_response(ask("metrics"), 200, metrics_body(website))


@pytest.mark.parametrize(
    ("ago_ms", "numbers"),
    [
        (-1, {}),
        (0, {}),
        (1, FIRST_VIEW),
        (WEEK_MS, FIRST_VIEW),
        (WEEK_MS + 1, "previous"),
        (2 * WEEK_MS, "previous"),
        (2 * WEEK_MS + 1, {}),
    ],
)
def test_a_boundary_belongs_to_the_later_period(ask, store, website, ago_ms, numbers):
    if numbers == "previous":
        names = ("pageViewsChange", "uniqueVisitorsChange", "sessionsChange", "bounceRateChange")
        numbers = dict.fromkeys(names, -100)
    store((ago_ms, {}))
    assert_response(ask("metrics"), 200, metrics_body(website, **numbers))


def test_the_period_of_one_day_has_its_name_in_the_plural(ask, website):
    assert_response(ask("metrics", days=1), 200, metrics_body(website, days=1))


def test_visitors_are_those_of_events_of_all_types_and_sessions_of_page_views(ask, store):
    store((3, of("1", "A")), (2, of("2", "B") | CLICK), (1, of("3", "C", event_type="custom")))
    data = ask("metrics").json()["data"]
    assert (data["pageViews"], data["uniqueVisitors"], data["sessions"]) == (1, 3, 1)


def test_a_visitor_with_many_sessions_and_a_session_of_many_visitors_count_once(ask, store):
    store((4, of("1", "A")), (3, of("2", "A")), (2, of("2", "B")), (1, of("2", "B")))
    data = ask("metrics").json()["data"]
    assert (data["uniqueVisitors"], data["sessions"]) == (2, 2)


def test_the_duration_is_a_mean_over_all_sessions(ask, store):
    # 10 s from a click to a page view, 0 s of one event, 5 s of clicks alone: 15 s / 3
    store((20_000, of("1") | CLICK), (10_000, of("1")), (9_000, of("2")))
    store((7_000, of("3") | CLICK), (2_000, of("3") | CLICK))
    assert ask("metrics").json()["data"]["avgSessionDuration"] == 5


@pytest.mark.parametrize(
    ("duration_ms", "sessions", "seconds"),
    [
        (499, 1, 0),
        (500, 1, 1),
        (1_499, 1, 1),
        (5_000, 2, 3),
        (4_999, 2, 2),
        (6 * DAY_MS, 1, 518_400),
    ],
)
def test_a_duration_is_rounded_half_up(ask, store, duration_ms, sessions, seconds):
    store((duration_ms + 1, of("0")), (1, of("0")), *((1, of(str(n))) for n in range(1, sessions)))
    assert ask("metrics").json()["data"]["avgSessionDuration"] == seconds


def test_of_a_session_only_the_events_within_the_period_count(ask, store, website):
    # 5 s before the boundary and 3 s after it; it is a bounce on both sides
    store((WEEK_MS + 5_000, of("1")), (WEEK_MS + 1, of("1") | CLICK))
    store((WEEK_MS, of("1")), (WEEK_MS - 3_000, of("1") | CLICK), (-9_000, of("1")))
    expected = metrics_body(
        website,
        **ONE_VIEW,
        avgSessionDuration=3,
        avgSessionDurationChange=-40,  # of the rounded values: 3 s and 5 s
    )
    assert_response(ask("metrics"), 200, expected)


@pytest.mark.parametrize(
    ("bounced", "others", "rate"), [(1, 7, 13), (1, 2, 33), (2, 1, 67), (1, 0, 100), (0, 1, 0)]
)
def test_the_bounce_rate_is_rounded_half_up(ask, store, bounced, others, rate):
    store(*((2, of(f"b{n}")) for n in range(bounced)))
    store(*((ago, of(f"o{n}")) for n in range(others) for ago in (1, 2)))
    assert ask("metrics").json()["data"]["bounceRate"] == rate


def test_sessions_without_a_page_view_are_no_part_of_the_bounce_rate(ask, store):
    store((2, of("1")), (1, of("2") | CLICK), (1, of("1") | CLICK))
    assert ask("metrics").json()["data"]["bounceRate"] == 100


@pytest.mark.parametrize(
    ("current", "previous", "change"),
    [(3, 1, 200), (1, 3, -67), (0, 0, 0), (5, 0, 100), (0, 5, -100), (41, 40, 3), (39, 40, -2)],
)
def test_a_change_is_rounded_half_up(ask, store, current, previous, change):
    """41 of 40 is 2.5 per cent more, 39 of 40 are 2.5 less."""
    store(*((1, of(str(n), str(n))) for n in range(current)))
    store(*((WEEK_MS + 1, of(str(n), str(n))) for n in range(previous)))
    data = ask("metrics").json()["data"]
    changes = ("pageViewsChange", "uniqueVisitorsChange", "sessionsChange")
    assert [data[name] for name in changes] == [change] * 3


def test_reserved_events_and_those_of_bots_count(ask, store):
    reserved = {"event_type": "custom", "properties": {"name": "$engagement", "seconds": 9}}
    store((10_000, of("1")), (1_000, of("1", "robot", **reserved)))
    data = ask("metrics").json()["data"]
    assert (data["uniqueVisitors"], data["avgSessionDuration"]) == (2, 9)


def test_an_event_counts_once_it_is_posted(api, ask, website, clock):
    event = {
        "trackingCode": website.tracking_code,
        "eventType": "pageview",
        "url": "https://a.example/",
    }
    ids = {"sessionId": "s", "visitorId": "v"}
    assert api.post("/api/v1/events", event | ids).status_code == 201
    clock.move(seconds=0.001)
    assert_response(ask("metrics"), 200, metrics_body(website, **FIRST_VIEW))
