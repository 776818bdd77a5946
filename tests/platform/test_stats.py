"""GET /api/v1/analytics/stats and /api/v1/analytics/health"""

import threading
from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.ingest import writer
from analytics.ingest.group_writer import State
from tests.support.databases import failing
from tests.support.platform import (
    BATCH_PATH,
    HEALTH_PATH,
    MINIMAL_EVENT,
    PATH,
    STATS_PATH,
    UNAVAILABLE,
    assert_is_now,
    batch_of,
)
from tests.support.responses import assert_response
from tests.support.runtime_settings import change_settings
from tests.support.writer import writer_threads
from websites import tokens

pytestmark = [
    pytest.mark.django_db(databases=["default", "analytics"]),
    pytest.mark.usefixtures("unrecorded"),  # its rows would be among those of the writer
]

NOW = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
EMPTY_BUFFER = {
    "buffer_size": 0,
    "max_buffer_size": 10_000,
    "flush_interval_seconds": 0,
    "last_flush": None,
    "events_pending": 0,
    "events_flushed_total": 0,
}


CHANGING = {"last_flush": ANY, "events_flushed_total": ANY}


@pytest.fixture
def now(clock):
    """Let it be NOW, before a token is issued."""
    clock.set(NOW)


def stats(api, token):
    """Return what the statistics say of events, after a look at the rest."""
    response = api.get(STATS_PATH, token=token)
    body = response.json()
    assert_response(response, 200, body | {"buffer_status": EMPTY_BUFFER | CHANGING})
    result = {name: value for name, value in body.items() if name != "buffer_status"}
    assert sum(result["events_by_category"].values()) == result["total_events"]
    return result


def stats_body(by_category, *, today, this_hour):
    return {
        "total_events": sum(by_category.values()),
        "events_by_category": by_category,
        "events_today": today,
        "events_this_hour": this_hour,
    }


def send(api, token, category, *times):
    """Store events of a category, by times of their own or now."""
    named = MINIMAL_EVENT | {"category": category}
    events = [named | {"timestamp": time.isoformat()} for time in times] or [named]
    assert api.post(BATCH_PATH, batch_of(*events), token=token).json()["events_failed"] == 0


def test_without_events(api, token):
    assert stats(api, token) == stats_body({}, today=0, this_hour=0)


def test_events_are_counted_by_category_day_and_hour(now, api, token):
    midnight, hour = NOW.replace(hour=0, minute=0), NOW.replace(minute=0)
    moment = timedelta(milliseconds=1)
    send(api, token, "trading")
    send(api, token, "auth", midnight - moment, midnight, hour - moment)
    send(api, token, "error", hour, hour + HOUR - moment, hour + HOUR)
    send(api, token, "auth", midnight + 24 * HOUR - moment, NOW + 24 * HOUR, NOW - 24 * HOUR)
    by_category = {"trading": 1, "auth": 6, "error": 3}
    assert stats(api, token) == stats_body(by_category, today=7, this_hour=3)


def test_the_day_and_the_hour_go_on(now, clock, api, user):
    token = tokens.issue(user).access
    send(api, token, "system")
    clock.set(NOW + HOUR)
    token = tokens.issue(user).access
    assert stats(api, token) == stats_body({"system": 1}, today=1, this_hour=0)
    clock.set(NOW + 24 * HOUR)
    token = tokens.issue(user).access
    assert stats(api, token) == stats_body({"system": 1}, today=0, this_hour=0)


def test_the_events_of_all_users_are_counted_for_everybody(api, token, make_user):
    other = tokens.issue(make_user("other@example.com")).access
    api.post(PATH, MINIMAL_EVENT, token=token)
    api.post(PATH, MINIMAL_EVENT, token=other)
    for reader in (token, other):
        assert stats(api, reader)["total_events"] == 2


def test_while_they_are_not_public_staff_alone_read_them(api, token, make_user):
    staff = tokens.issue(make_user("staff@example.com", is_staff=True)).access
    change_settings(platform_stats_public="TRUE")
    assert_response(api.get(STATS_PATH, token=token), 403, {"detail": "Not allowed"})
    assert api.get(STATS_PATH).status_code == 401
    assert stats(api, staff) == stats_body({}, today=0, this_hour=0)


def test_responses_of_earlier_middleware_are_counted(api, token):
    for n in range(1, 4):
        api.post(PATH, MINIMAL_EVENT, token=token)
        assert stats(api, token)["total_events"] == n


def test_no_event_is_read_however_many_hours_have_some(api, token):
    send(api, token, "auth", *(NOW - n * 31 * HOUR for n in range(100)))
    with CaptureQueriesContext(connections["analytics"]) as asked:
        assert stats(api, token)["total_events"] == 100
    assert len(asked) == 2
    assert not [each["sql"] for each in asked if "platformevent" in each["sql"]]


def test_parameters_are_ignored(api, token):
    response = api.get(f"{STATS_PATH}?format=xml&days=abc", token=token)
    assert response.status_code == 200


@pytest.mark.parametrize("path", [STATS_PATH, HEALTH_PATH])
def test_head_is_get_without_a_body(api, token, path):
    response = api.head(path, token=token)
    assert (response.status_code, response.content) == (200, b"")


def test_without_the_analytics_database_there_are_no_statistics(api, token):
    with failing("analytics", "the analytics database is away"):
        response = api.get(STATS_PATH, token=token)
    assert_response(response, 503, UNAVAILABLE)


def test_while_no_token_can_be_checked_there_are_no_statistics(api, token, main_database_away):
    assert api.post(PATH, MINIMAL_EVENT, token=token).status_code == 200
    assert_response(api.get(STATS_PATH, token=token), 503, UNAVAILABLE)


# The writer's own figures


def buffers(api, token):
    """Return what both endpoints say of the writer, which has to be the same."""
    of_stats = api.get(STATS_PATH, token=token).json()["buffer_status"]
    of_health = api.get(HEALTH_PATH).json()["buffer"]
    assert of_stats == of_health
    return of_stats


def test_the_figures_of_the_writer_are_its_own(api, token):
    assert buffers(api, token) == EMPTY_BUFFER
    api.post(BATCH_PATH, batch_of(MINIMAL_EVENT, MINIMAL_EVENT), token=token)
    api.post(PATH, MINIMAL_EVENT, token=token)
    last = buffers(api, token)["last_flush"]
    assert_is_now(last)
    figures = {"last_flush": last, "events_flushed_total": 3}
    assert buffers(api, token) == EMPTY_BUFFER | figures


def test_statistics_start_no_thread(api, token, unrecorded):
    writer.reset()
    assert buffers(api, token) == EMPTY_BUFFER
    assert writer.state("analytics") == State()
    assert writer_threads() == []


# Health


def health(status, **figures):
    return {
        "status": status,
        "service": "analytics",
        "timestamp": ANY,
        "buffer": EMPTY_BUFFER | figures,
    }


def test_healthy_while_the_analytics_database_responds(api, monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "HOST", "/nowhere")
    response = api.get(HEALTH_PATH)
    assert_response(response, 200, health("healthy"))
    assert_is_now(response.json()["timestamp"])


def test_unhealthy_while_the_analytics_database_is_down(api, monkeypatch):
    monkeypatch.setitem(connections.settings["analytics"], "HOST", "/nowhere")
    assert_unhealthy(api.get(HEALTH_PATH))


def test_unhealthy_while_the_analytics_database_does_not_respond_in_time(api, monkeypatch):
    monkeypatch.setattr("config.server.health.TIMEOUT_SECONDS", 0.05)
    asked_enough = threading.Event()
    monkeypatch.setattr("config.server.health.takes_writes", lambda alias: asked_enough.wait(60))
    response = api.get(HEALTH_PATH)
    asked_enough.set()
    assert_unhealthy(response)


def assert_unhealthy(response):
    assert (response.status_code, response.json()) == (503, health("unhealthy"))
    assert "Retry-After" not in response
