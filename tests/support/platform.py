"""Platform events, responses, rows and totals"""

from collections import Counter
from datetime import UTC, datetime
from unittest.mock import ANY

from analytics.platform.models import PlatformEvent
from analytics.platform.totals import PlatformHour, PlatformTotal
from config.db import uuid7
from tests.support.responses import assert_response

PATH = "/api/v1/analytics"
BATCH_PATH = "/api/v1/analytics/batch"
STATS_PATH = "/api/v1/analytics/stats"
HEALTH_PATH = "/api/v1/analytics/health"
AT = datetime(2026, 1, 28, 20, 0, tzinfo=UTC)
AT_TEXT = "2026-01-28T20:00:00Z"
STORED = {"X-Event-Outcome": "stored"}
REJECTED = {"X-Event-Outcome": "rejected"}
KILL_SWITCH = {"X-Event-Outcome": "dropped; reason=kill_switch"}
WRITE_FAILED = {"X-Event-Outcome": "dropped; reason=write_failed"}
UNAVAILABLE = {"detail": "Event storage is unavailable"}
FULL_EVENT = {
    "event_name": "order_placed",
    "category": "trading",
    "priority": "high",
    "properties": {"pair": "BTC-USD"},
    "timestamp": AT_TEXT,
    "session_id": "s-1",
    "page_url": "https://app.example.com/trade",
    "referrer": "https://app.example.com/",
    "user_agent": "Terminal/2.0",
}
MINIMAL_EVENT = {"event_name": "a"}
CATEGORIES = (
    "'page_view', 'user_action', 'trading', 'auth', 'error', 'performance', 'feature' or 'system'"
)
PRIORITIES = "'low', 'medium', 'high' or 'critical'"


def batch_of(*events, **more):
    """Return the body of a batch."""
    return {"events": events, **more}


def assert_tracked(response, headers=None):
    """Demand the response to a single event; return its id."""
    body = {
        "success": True,
        "event_id": ANY,
        "message": "Event tracked successfully",
        "timestamp": ANY,
    }
    assert_response(response, 200, body, headers or STORED)
    assert_is_now(response.json()["timestamp"])
    return uuid7.parse(response.json()["event_id"])


def assert_queued(response, queued, *, failed=0, headers=None):
    """Demand the response to a batch."""
    body = {
        "success": failed == 0,
        "events_received": queued + failed,
        "events_queued": queued,
        "events_failed": failed,
        "message": f"Queued {queued} events",
        "timestamp": ANY,
    }
    assert_response(response, 200, body, headers or STORED)
    assert_is_now(response.json()["timestamp"])


def assert_is_now(text):
    """Demand a time in UTC, to the millisecond, of a minute ago at most."""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert len(text) == 24
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60


def error_item(type, loc, msg, input, ctx=None):
    """Return one item of a 422."""
    item = {"type": type, "loc": ["body", *loc], "msg": msg, "input": input}
    return item if ctx is None else item | {"ctx": ctx}


def missing_item(*loc, input):
    """Return the error item of a missing field."""
    return error_item("missing", loc, "Field required", input)


def value_error_item(error, *loc, input):
    """Return the error item of an invalid value."""
    return error_item("value_error", loc, f"Value error, {error}", input, {"error": error})


def json_invalid_item(reason, position=0):
    """Return the error item of invalid JSON."""
    return error_item("json_invalid", [position], "JSON decode error", {}, {"error": reason})


def assert_invalid(response, *items):
    """Demand a 422 with these items, and that nothing was stored or counted."""
    assert_response(response, 422, {"detail": list(items)}, REJECTED)
    assert stored_rows() == []
    assert not PlatformTotal.objects.exists()


def assert_error(response, status, detail, headers=None):
    """Demand an error with one sentence, and that nothing was stored."""
    assert_response(response, status, {"detail": detail}, headers)
    assert stored_rows() == []


def stored_rows():
    """Return the rows of all events, the oldest first, each a value for every column."""
    return list(PlatformEvent.objects.order_by("id").values())


def stored_names():
    """Return the names of all events, the oldest first."""
    return [row["event_name"] for row in stored_rows()]


def stored_totals():
    """Return the running totals: of all time by category, and by category and hour."""
    return (
        dict(PlatformTotal.objects.values_list("category", "events")),
        {
            (category, hour): events
            for category, hour, events in PlatformHour.objects.values_list(
                "category", "hour", "events"
            )
        },
    )


def full_counts():
    """Return what `totals` has to be, by a full count."""
    rows = PlatformEvent.objects.values_list("category", "created_at")
    hours = Counter(
        (category, at.replace(minute=0, second=0, microsecond=0)) for category, at in rows
    )
    return dict(Counter(category for category, _ in rows)), dict(hours)


def assert_totals_are_exact():
    """Demand that the running totals say what a full count does, but for those that are 0."""
    of_all_time, of_hours = stored_totals()
    of_all_time = {category: events for category, events in of_all_time.items() if events}
    assert (of_all_time, of_hours) == full_counts()
