"""Platform events with an idempotency key: however often they come, they are stored once."""

from functools import partial
from uuid import UUID

import pytest

from config.db import uuid7
from tests.support.keys import (
    DUPLICATE,
    IN_USE,
    INVALID_KEYS,
    KEY,
    OTHER_KEY,
    OTHER_TIME,
    header,
    key_of,
)
from tests.support.metrics import outcome_counter
from tests.support.platform import (
    AT,
    AT_TEXT,
    BATCH_PATH,
    KILL_SWITCH,
    MINIMAL_EVENT,
    PATH,
    REJECTED,
    STORED,
    assert_error,
    assert_invalid,
    assert_queued,
    assert_totals_are_exact,
    assert_tracked,
    batch_of,
    error_item,
    missing_item,
    stored_names,
    stored_rows,
    value_error_item,
)
from tests.support.responses import assert_response, run_concurrently
from tests.support.runtime_settings import change_settings
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

KEYED = MINIMAL_EVENT | {"idempotency_key": KEY}
DAY_MS = 86_400_000


@pytest.fixture
def other_token(make_user):
    """A token of somebody else."""
    return tokens.issue(make_user("other@example.com")).access


def uuid_item(loc, input):
    """Return the item of an invalid key."""
    expected = {"type": "uuid_parsing", "loc": loc, "msg": "Input should be a valid UUID"}
    return expected | {"input": input if len(str(input)) < 1000 else None}


# Single events


def test_a_key_is_the_id_of_the_event_and_its_time(api, token, user):
    id = assert_tracked(api.post(PATH, MINIMAL_EVENT, token=token, headers=header(KEY.upper())))
    [row] = stored_rows()
    assert str(id) == KEY
    assert (row["id"], row["created_at"], row["user_id"]) == (id, AT, user.id)


def test_a_retry_is_no_second_event(api, token):
    counted = outcome_counter(api, "platform")
    first = api.post(PATH, MINIMAL_EVENT, token=token, headers=header())
    again = api.post(PATH, {"event_name": "another"}, token=token, headers=header())
    assert assert_tracked(first) == assert_tracked(again, DUPLICATE) == UUID(KEY)
    assert stored_names() == ["a"]
    assert counted() == {("stored", ""): 1, ("duplicate", ""): 1}
    assert_totals_are_exact()


def test_a_key_that_is_the_id_of_an_event_without_one_is_a_retry_too(api, token):
    id = assert_tracked(api.post(PATH, MINIMAL_EVENT, token=token))
    again = api.post(PATH, MINIMAL_EVENT, token=token, headers=header(str(id)))
    assert assert_tracked(again, DUPLICATE) == id
    assert len(stored_rows()) == 1


def test_a_key_of_somebody_else_is_a_conflict(api, token, other_token):
    counted = outcome_counter(api, "platform")
    assert_tracked(api.post(PATH, MINIMAL_EVENT, token=other_token, headers=header()))
    response = api.post(PATH, {"event_name": "mine"}, token=token, headers=header())
    assert_response(response, 409, {"detail": IN_USE}, REJECTED)
    assert stored_names() == ["a"]
    assert counted() == {("stored", ""): 1, ("rejected", ""): 1}


@pytest.mark.parametrize("key", INVALID_KEYS)
def test_an_invalid_key_is_rejected(api, token, key):
    response = api.post(PATH, MINIMAL_EVENT, token=token, headers=header(key))
    assert_invalid(response, uuid_item(["header", "Idempotency-Key"], key))


def test_the_fields_come_before_the_key_and_the_key_before_the_switch(api, token):
    change_settings(platform_enabled="false")
    response = api.post(PATH, {}, token=token, headers=header("x"))
    assert_invalid(response, missing_item("event_name", input={}))
    response = api.post(PATH, MINIMAL_EVENT, token=token, headers=header("x"))
    assert_invalid(response, uuid_item(["header", "Idempotency-Key"], "x"))
    response = api.post(PATH, MINIMAL_EVENT, token=token, headers=header())
    assert str(assert_tracked(response, KILL_SWITCH)) == KEY
    assert stored_rows() == []


@pytest.mark.parametrize("at", [None, AT_TEXT, "2026-01-28T21:00+0100", 1_769_630_400.0009])
def test_a_timestamp_of_the_millisecond_of_the_key_may_come_with_it(api, token, at):
    assert_tracked(api.post(PATH, MINIMAL_EVENT | {"timestamp": at}, token=token, headers=header()))
    assert [row["created_at"] for row in stored_rows()] == [AT]


@pytest.mark.parametrize("at", ["2026-01-28T20:00:00.001Z", "2026-01-28", 1_769_630_401])
def test_a_timestamp_of_another_time_than_the_key_is_rejected(api, token, at):
    response = api.post(PATH, MINIMAL_EVENT | {"timestamp": at}, token=token, headers=header())
    assert_invalid(response, value_error_item(OTHER_TIME, "timestamp", input=at))
    response = api.post(BATCH_PATH, batch_of(MINIMAL_EVENT, KEYED | {"timestamp": at}), token=token)
    assert_invalid(response, value_error_item(OTHER_TIME, "events", 1, "timestamp", input=at))


def test_a_key_may_be_a_day_ahead(api, user, clock):
    clock.set(AT)
    token, now = tokens.issue(user).access, uuid7.to_ms(AT)
    late = key_of(now + DAY_MS + 1)
    response = api.post(PATH, MINIMAL_EVENT, token=token, headers=header(late))
    assert_invalid(response, uuid_item(["header", "Idempotency-Key"], late))
    for ms in (1_420_070_400_000, now + DAY_MS):
        response = api.post(PATH, MINIMAL_EVENT, token=token, headers=header(key_of(ms)))
        assert uuid7.ms_of(assert_tracked(response)) == ms


def test_a_single_event_has_its_key_in_the_header_only(api, token):
    assert assert_tracked(api.post(PATH, KEYED, token=token)) != UUID(KEY)


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_of_retries_at_once_one_is_stored(api, token):
    post = partial(api.post, PATH, MINIMAL_EVENT, token=token, headers=header())
    responses = run_concurrently(*[post] * 8)
    outcomes = sorted(response["X-Event-Outcome"] for response in responses)
    assert outcomes == ["duplicate"] * 7 + ["stored"]
    assert {response.json()["event_id"] for response in responses} == {KEY}
    assert stored_names() == ["a"]
    assert_totals_are_exact()


# Batches


def test_a_retry_of_a_batch_counts_as_queued(api, token):
    counted = outcome_counter(api, "platform")
    body = batch_of(KEYED, MINIMAL_EVENT | {"idempotency_key": OTHER_KEY})
    assert_queued(api.post(BATCH_PATH, body, token=token), 2)
    assert_queued(api.post(BATCH_PATH, body, token=token), 2, headers=DUPLICATE)
    assert {str(row["id"]) for row in stored_rows()} == {KEY, OTHER_KEY}
    assert counted() == {("stored", ""): 2, ("duplicate", ""): 2}
    assert_totals_are_exact()


def test_a_batch_with_new_and_known_keys_and_without(api, token):
    api.post(BATCH_PATH, batch_of(KEYED), token=token)
    body = batch_of(MINIMAL_EVENT | {"idempotency_key": OTHER_KEY}, KEYED, MINIMAL_EVENT)
    assert_queued(api.post(BATCH_PATH, body, token=token), 3, headers=STORED)
    assert len(stored_rows()) == 3
    assert_totals_are_exact()


def test_a_key_that_comes_twice_in_a_batch_is_one_event(api, token):
    body = batch_of(KEYED, KEYED | {"event_name": "b"})
    assert_queued(api.post(BATCH_PATH, body, token=token), 2, headers=STORED)
    assert stored_names() == ["a"]


def test_a_key_of_somebody_else_fails_alone(api, token, other_token):
    counted = outcome_counter(api, "platform")
    api.post(BATCH_PATH, batch_of(KEYED), token=other_token)
    body = batch_of({"event_name": "b"}, KEYED, {"event_name": "c"})
    assert_queued(api.post(BATCH_PATH, body, token=token), 2, failed=1)
    assert stored_names() == ["a", "b", "c"]
    assert_queued(api.post(BATCH_PATH, batch_of(KEYED), token=token), 0, failed=1, headers=REJECTED)
    assert counted() == {("stored", ""): 3, ("rejected", ""): 2}


@pytest.mark.parametrize("key", [*INVALID_KEYS, 5, 1.5, True, [], {}])
def test_an_item_with_an_invalid_key_makes_the_batch_invalid(api, token, key):
    response = api.post(
        BATCH_PATH, batch_of(MINIMAL_EVENT, MINIMAL_EVENT | {"idempotency_key": key}), token=token
    )
    assert_invalid(response, uuid_item(["body", "events", 1, "idempotency_key"], key))


def test_an_invalid_key_is_reported_after_the_other_fields_of_its_item(api, token):
    bad = {"event_name": "", "idempotency_key": "x"}
    short = "String should have at least 1 character"
    expected = error_item(
        "string_too_short", ["events", 0, "event_name"], short, "", {"min_length": 1}
    )
    response = api.post(BATCH_PATH, batch_of(bad), token=token)
    assert_invalid(response, expected, uuid_item(["body", "events", 0, "idempotency_key"], "x"))


@pytest.mark.parametrize("key", [{}, {"idempotency_key": None}])
def test_an_item_without_a_key_is_stored_each_time(api, token, key):
    for _ in range(2):
        assert_queued(api.post(BATCH_PATH, batch_of(MINIMAL_EVENT | key), token=token), 1)
    assert len(stored_rows()) == 2


def test_a_batch_ignores_the_header(api, token):
    for key in (KEY, KEY, "x"):
        response = api.post(BATCH_PATH, batch_of(MINIMAL_EVENT), token=token, headers=header(key))
        assert_queued(response, 1)
    assert len(stored_rows()) == 3


def test_a_batch_of_one_time_keeps_its_order_around_a_key(api, token):
    called = [f"event-{n}" for n in range(50)]
    events = [{"event_name": name, "timestamp": AT_TEXT} for name in called]
    events[20]["idempotency_key"] = KEY
    assert_queued(api.post(BATCH_PATH, batch_of(*events), token=token), 50)
    keyed = [row["event_name"] for row in stored_rows() if str(row["id"]) == KEY]
    assert keyed == ["event-20"]
    assert [name for name in stored_names() if name not in keyed] == called[:20] + called[21:]


def test_after_a_conflict_the_key_is_still_its_owners(api, token, other_token):
    api.post(PATH, MINIMAL_EVENT, token=token, headers=header())
    api.post(PATH, MINIMAL_EVENT, token=other_token, headers=header())
    assert_tracked(api.post(PATH, MINIMAL_EVENT, token=token, headers=header()), DUPLICATE)
    assert len(stored_rows()) == 1


def test_a_refused_request_keeps_no_key(api, token):
    response = api.post(PATH, MINIMAL_EVENT, token="x", headers=header())
    assert_error(response, 401, "Invalid or expired token", REJECTED)
    assert_tracked(api.post(PATH, MINIMAL_EVENT, token=token, headers=header()))
