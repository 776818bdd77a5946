"""Collected events with an idempotency key: however often they come, they are stored once."""

from functools import partial
from uuid import UUID

import pytest

from tests.support.api import Api
from tests.support.collect import (
    EVENT,
    KILL_SWITCH,
    PATH,
    REJECTED,
    STORED,
    assert_error,
    assert_stored,
    event,
    log_in,
    stored_rows,
    success_body,
    uuid_of,
)
from tests.support.keys import (
    DUPLICATE,
    IN_USE,
    INVALID_KEYS,
    KEY,
    NOT_A_KEY,
    OTHER_KEY,
    OTHER_TIME,
    header,
)
from tests.support.metrics import outcome_counter
from tests.support.responses import assert_response, run_concurrently
from tests.support.runtime_settings import change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

PUBLIC_ID = "evt_" + KEY.replace("-", "")
KEYED = event(idempotency_key=KEY)
INVALID = "idempotency_key is invalid"


@pytest.fixture
def browser(api, user):
    """A client that is logged in as the user."""
    log_in(api)
    return api


@pytest.fixture
def stranger(make_user):
    """A client that is logged in as somebody else."""
    make_user("other@example.com")
    client = Api()
    log_in(client, "other@example.com")
    return client


def types():
    """Return the types of all events, the oldest first."""
    return [row["event_type"] for row in stored_rows()]


def assert_results(response, *results, outcome=STORED):
    """Demand the answer to a batch: of each event the id, or what is wrong with it."""
    expected = [
        {"success": True, "event_id": result}
        if result.startswith("evt_")
        else {"success": False, "error": result}
        for result in results
    ]
    body = {"success": True, "processed": len(results), "results": expected}
    assert_response(response, 200, body, outcome)


# Single events


def test_a_key_is_the_id_of_the_event_and_its_time(browser):
    row = assert_stored(browser.post(PATH, EVENT, headers=header(KEY.upper())))
    assert str(row["id"]) == KEY
    assert row["created_at"].isoformat() == "2026-01-28T20:00:00+00:00"


def test_a_retry_is_no_second_event(browser):
    counted = outcome_counter(browser, "collect")
    first = browser.post(PATH, event(), headers=header())
    again = browser.post(PATH, event(event_type="another"), headers=header())
    assert_response(first, 200, success_body(PUBLIC_ID), STORED)
    assert_response(again, 200, success_body(PUBLIC_ID), DUPLICATE)
    assert types() == ["click"]
    assert counted() == {("stored", ""): 1, ("duplicate", ""): 1}


def test_a_key_of_somebody_else_is_a_conflict(browser, stranger):
    counted = outcome_counter(browser, "collect")
    assert_stored(stranger.post(PATH, event(), headers=header()))
    response = browser.post(PATH, event(event_type="mine"), headers=header())
    assert_response(response, 409, {"success": False, "error": IN_USE}, REJECTED)
    assert types() == ["click"]
    assert counted() == {("stored", ""): 1, ("rejected", ""): 1}
    again = stranger.post(PATH, event(), headers=header())
    assert_response(again, 200, success_body(PUBLIC_ID), DUPLICATE)


@pytest.mark.parametrize("key", INVALID_KEYS)
def test_an_invalid_key_is_rejected(browser, key):
    response = browser.post(PATH, EVENT, headers=header(key))
    assert_error(response, 400, NOT_A_KEY, details=[])


def test_the_fields_come_before_the_key_and_the_key_before_the_switch(browser):
    change_settings(collect_enabled="false")
    response = browser.post(PATH, event(event_type=5), headers=header("x"))
    details = [("event_type", "Expected string, received number")]
    assert_error(response, 400, "event_type must be a string", details=details)
    assert_error(browser.post(PATH, event(), headers=header("x")), 400, NOT_A_KEY, details=[])
    response = browser.post(PATH, event(), headers=header())
    assert_response(response, 200, success_body(PUBLIC_ID), KILL_SWITCH)
    assert stored_rows() == []


@pytest.mark.parametrize("at", ["2026-01-28T20:00:00.001Z", "2026-01-28", "2026-01-28T20:00-01:00"])
def test_a_timestamp_of_another_time_than_the_key_is_rejected(browser, at):
    response = browser.post(PATH, event(timestamp=at), headers=header())
    assert_error(response, 400, OTHER_TIME, details=[("timestamp", OTHER_TIME)])
    response = browser.post(PATH, {"events": [KEYED | {"timestamp": at}]})
    assert_results(response, OTHER_TIME, outcome=REJECTED)


def test_a_single_event_has_its_key_in_the_header_only(browser):
    assert str(assert_stored(browser.post(PATH, KEYED))["id"]) != KEY


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_of_retries_at_once_one_is_stored(browser):
    responses = run_concurrently(*[partial(browser.post, PATH, event(), headers=header())] * 8)
    outcomes = sorted(response["X-Event-Outcome"] for response in responses)
    assert outcomes == ["duplicate"] * 7 + ["stored"]
    assert {response.json()["event_id"] for response in responses} == {PUBLIC_ID}
    assert len(stored_rows()) == 1


# Batches


def test_a_retry_of_a_batch_is_successful_and_stores_nothing(browser):
    counted = outcome_counter(browser, "collect")
    body = {"events": [KEYED, event(idempotency_key=OTHER_KEY)]}
    ids = (PUBLIC_ID, "evt_" + OTHER_KEY.replace("-", ""))
    assert_results(browser.post(PATH, body), *ids)
    assert_results(browser.post(PATH, body), *ids, outcome=DUPLICATE)
    assert len(stored_rows()) == 2
    assert counted() == {("stored", ""): 2, ("duplicate", ""): 2}


def test_a_key_that_comes_twice_in_a_batch_is_one_event(browser):
    body = {"events": [KEYED, KEYED | {"event_type": "b"}]}
    assert_results(browser.post(PATH, body), PUBLIC_ID, PUBLIC_ID)
    assert types() == ["click"]


def test_a_key_of_somebody_else_fails_alone(browser, stranger):
    stranger.post(PATH, {"events": [KEYED]})
    response = browser.post(PATH, {"events": [event(event_type="mine"), KEYED]})
    mine = response.json()["results"][0]["event_id"]
    assert_results(response, mine, IN_USE)
    assert set(types()) == {"click", "mine"}
    assert_results(browser.post(PATH, {"events": [KEYED]}), IN_USE, outcome=REJECTED)


@pytest.mark.parametrize("key", [*INVALID_KEYS, 5, True, [], {}])
def test_an_item_with_an_invalid_key_fails_alone(browser, key):
    response = browser.post(PATH, {"events": [KEYED, event(idempotency_key=key)]})
    assert_results(response, PUBLIC_ID, INVALID)
    assert [row["id"] for row in stored_rows()] == [UUID(KEY)]


def test_an_invalid_key_is_reported_after_the_other_fields_of_its_item(browser):
    response = browser.post(PATH, {"events": [event(event_data=5, idempotency_key="x")]})
    assert_results(response, "event_data must be an object", outcome=REJECTED)


@pytest.mark.parametrize("key", [{}, {"idempotency_key": None}])
def test_an_item_without_a_key_is_stored_each_time(browser, key):
    for _ in range(2):
        response = browser.post(PATH, {"events": [event() | key]})
        assert uuid_of(response.json()["results"][0]["event_id"])
    assert len(stored_rows()) == 2


def test_a_batch_ignores_the_header(browser):
    for key in (KEY, KEY, "x"):
        response = browser.post(PATH, {"events": [event()]}, headers=header(key))
        assert (response.status_code, response["X-Event-Outcome"]) == (200, "stored")
    assert len(stored_rows()) == 3
