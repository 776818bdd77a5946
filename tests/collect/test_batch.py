"""POST /api/analytics/collect: batches"""

import logging

import pytest
from django.db import connections

from config import runtime
from config.db import uuid7
from config.models import RuntimeSettings
from tests.support.collect import (
    EVENT,
    KILL_SWITCH,
    PATH,
    REJECTED,
    STORED,
    UNAVAILABLE,
    WRITE_FAILED,
    assert_error,
    event,
    stored_rows,
    uuid_of,
)
from tests.support.databases import failing
from tests.support.metrics import outcome_counter
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NOT_STORED = "Event could not be stored"
NO_OBJECT = "event_data must be an object"


@pytest.fixture
def batch(browser):
    """Post events."""
    return lambda *events: browser.post(PATH, {"events": events})


@pytest.fixture
def counted(browser):
    """Return how many collected events have ended so since the test began."""
    return outcome_counter(browser, "collect")


def assert_results(response, *errors, outcome=STORED):
    """Demand the response to a batch, an error or None for each event; return the ids."""
    expected = [result.get("event_id") for result in response.json()["results"]]
    results = [
        {"success": False, "error": error} if error else {"success": True, "event_id": id}
        for error, id in zip(errors, expected, strict=True)
    ]
    body = {"success": True, "processed": len(errors), "results": results}
    assert_response(response, 200, body, outcome)
    return [uuid_of(id) for id in expected if id]


def test_each_event_stands_for_itself(batch, counted, user):
    response = batch(
        event(event_type="scroll", event_data={"position": 500}),
        event(event_data="nav_menu"),
        5,
        None,
        EVENT,
        event(event_type="a, b", event_data=1),
    )
    found = assert_results(
        response,
        None,
        "event_data must be an object",
        "event must be an object",
        "event must be an object",
        None,
        "event_type is invalid",
    )
    rows = stored_rows()
    assert sorted(found) == [row["id"] for row in rows]
    assert [row["event_type"] for row in rows] == ["page_view", "scroll"]
    assert {row["user_id"] for row in rows} == {user.id}
    assert counted() == {("stored", ""): 2, ("rejected", ""): 4}


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({}, "event_type is required"),
        ({"event_type": "a"}, "event_data is required"),
        ([], "event must be an object"),
        (event(event_data={"a": "x" * 10_000}), "event_data is too large"),
        (event(timestamp="yesterday"), "timestamp is invalid"),
        (event(timestamp=5), "timestamp must be a string"),
        (event(timestamp="1999-12-31"), "timestamp is out of range"),
        (event(event_type=5, event_data=5), "event_type must be a string"),
        ({"events": [event()]}, "event_type is required"),
    ],
)
def test_an_invalid_event_is_reported_by_its_index(batch, bad, error):
    assert_results(batch(event(), bad), None, error)
    assert len(stored_rows()) == 1


def test_a_batch_of_invalid_events_succeeds_and_stores_nothing(batch, counted):
    response = batch(event(event_type=""), 1, {})
    errors = ["event_type is invalid", "event must be an object", "event_type is required"]
    assert_results(response, *errors, outcome=REJECTED)
    assert stored_rows() == []
    assert counted() == {("rejected", ""): 3}


def test_a_hundred_events_keep_their_order(batch):
    at = "2026-01-28T20:00:00Z"
    events = [event(event_data={"n": n}, timestamp=at) for n in range(100)]
    events[40] = event(event_type="")
    errors = ["event_type is invalid" if n == 40 else None for n in range(100)]
    found = assert_results(batch(*events), *errors)
    rows = stored_rows()
    assert [row["id"] for row in rows] == found == sorted(found)
    assert [row["event_data"]["n"] for row in rows] == [n for n in range(100) if n != 40]
    assert {row["created_at"] for row in rows} == {uuid7.time_of(found[0])}


@pytest.mark.parametrize(
    ("events", "error", "message"),
    [
        ("x", "events must be an array", "Expected array, received string"),
        (None, "events must be an array", "Expected array, received null"),
        ({}, "events must be an array", "Expected array, received object"),
        (1.5, "events must be an array", "Expected array, received number"),
        ([], "events must not be empty", "At least one event is required"),
        (
            [event()] * 101,
            "events must have at most 100 items",
            "At most 100 events are allowed",
        ),
    ],
)
@pytest.mark.parametrize("more", [{}, EVENT])
def test_the_shape_is_checked_as_a_whole(browser, events, error, message, more):
    response = browser.post(PATH, {"events": events} | more)
    assert_error(response, 400, error, details=[("events", message)])


def test_a_body_with_events_is_a_batch_whatever_else_it_has(browser):
    found = assert_results(browser.post(PATH, EVENT | {"events": [event()]}), None)
    assert [row["event_type"] for row in stored_rows()] == ["click"]
    assert [row["id"] for row in stored_rows()] == found


def test_an_array_of_events_is_a_batch(browser, counted):
    found = assert_results(browser.post(PATH, [EVENT, event(event_data=5)]), None, NO_OBJECT)
    assert [row["id"] for row in stored_rows()] == found
    assert counted() == {("stored", ""): 1, ("rejected", ""): 1}


@pytest.mark.parametrize("item", [1, None, "x", [], [EVENT]])
def test_an_array_of_other_things_is_a_batch_that_stored_nothing(browser, item):
    response = browser.post(PATH, [item])
    assert_results(response, "event must be an object", outcome=REJECTED)
    assert stored_rows() == []


@pytest.mark.parametrize(
    ("events", "error", "message"),
    [
        ([], "events must not be empty", "At least one event is required"),
        ([5] * 101, "events must have at most 100 items", "At most 100 events are allowed"),
    ],
)
def test_the_length_of_an_array_is_checked_as_a_whole(browser, counted, events, error, message):
    assert_error(browser.post(PATH, events), 400, error, details=[("events", message)])
    assert counted() == {("rejected", ""): len(events) or 1}


def test_one_batch_is_one_transaction(batch):
    assert_results(batch(*[event()] * 50), *[None] * 50)
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT xmin::text) FROM analytics_collectedevent")
        assert cursor.fetchone() == (50, 1)


def test_while_the_switch_is_off_nothing_is_stored(batch, counted):
    RuntimeSettings.load().change({"collect_enabled": "false"}, changed_by="staff@example.com")
    runtime.expire()
    response = batch(event(), event(event_data=1))
    assert_results(response, None, "event_data must be an object", outcome=KILL_SWITCH)
    assert_results(batch(5), "event must be an object", outcome=REJECTED)
    assert stored_rows() == []
    assert counted() == {("dropped", "kill_switch"): 1, ("rejected", ""): 2}


def refuse_type(type):
    """Let the database reject events of a type."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "ALTER TABLE analytics_collectedevent "
            f"ADD CONSTRAINT refused CHECK (event_type <> '{type}')"
        )


def test_a_row_that_the_database_rejects_fails_alone(batch, counted):
    refuse_type("bad")
    response = batch(event(), event(event_type="bad"), event(event_data=[]), event())
    assert_results(response, None, NOT_STORED, "event_data must be an object", None)
    assert len(stored_rows()) == 2
    assert counted() == {
        ("stored", ""): 2, ("dropped", "write_failed"): 1, ("rejected", ""): 1,
    }  # fmt: skip


def test_a_batch_of_which_the_database_rejects_every_row_is_unavailable(batch):
    refuse_type("bad")
    response = batch(event(event_type="bad"), event(event_data=[]))
    assert_results(response, NOT_STORED, "event_data must be an object", outcome=WRITE_FAILED)
    assert stored_rows() == []


@pytest.mark.parametrize("alias", ["default", "analytics"])
def test_without_a_database_none_is_stored(batch, counted, alias):
    with failing(alias, "the database is away"):
        assert_response(batch(event(), event(), 5), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored_rows() == []
    assert sum(counted().values()) == (3 if alias == "analytics" else 1)


def test_bad_events_need_no_database(batch):
    with failing("analytics", "the analytics database is away"):
        assert_results(batch(5), "event must be an object", outcome=REJECTED)


def test_no_address_is_logged(batch, caplog):
    caplog.set_level(logging.DEBUG)
    batch(event(), 5)
    assert "127.0.0.1" not in caplog.text
