"""POST /api/v1/events/batch: what a bad event costs"""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from tests.support.events import (
    AT_MS,
    DUPLICATE,
    KILL_SWITCH,
    REJECTED,
    STORED,
    assert_rejected,
    batch_item,
    event_of,
    expected_row,
    full_event_of,
    ids_of,
    invalid_item,
    new_id,
    partial_body,
    stored_rows,
    unknown_website_item,
    validation_body,
)
from tests.support.responses import assert_response
from tests.support.runtime_settings import change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

TYPES = "'pageview' | 'click' | 'custom'"
BAD_URL = {"url": ["Invalid URL"]}
NO_EVENTS = {
    "success": True,
    "eventsCreated": 0,
    "events": [],
    "message": "Successfully created 0 events",
}


def invalid_batch(*messages):
    return validation_body(fields={"events": [*messages]}, message="Invalid batch event data")


# Some are bad


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"trackingCode": 5}, {"trackingCode": ["Expected string, received number"]}),
        ({"trackingCode": None}, {"trackingCode": ["Expected string, received null"]}),
        ({"url": "x"}, BAD_URL),
        ({"url": ""}, {"url": ["Invalid URL", "URL is required"]}),
        (
            {"eventType": "scroll"},
            {"eventType": [f"Invalid enum value. Expected {TYPES}, received 'scroll'"]},
        ),
        ({"id": "1"}, {"id": ["Invalid uuid"]}),
        ({"timestamp": 0}, {"timestamp": ["Timestamp out of range"]}),
        (
            {"properties": {"a": "x" * 10_000}},
            {"properties": ["Properties exceed 10000 bytes"]},
        ),
        (
            {"id": new_id(AT_MS), "timestamp": AT_MS + 1},
            {"timestamp": ["Timestamp does not match id"]},
        ),
        (
            {"visitorId": "", "url": 5, "sessionId": "", "trackingCode": "pm-nobody"},
            {
                "url": ["Expected string, received number"],
                "sessionId": ["Session ID is required"],
                "visitorId": ["Visitor ID is required"],
            },
        ),
    ],
    ids=lambda value: "".join(value)[:40],
)
def test_one_bad_event_costs_itself_only(batch, website, changes, fields):
    good = full_event_of(website)
    response = batch(good, event_of(website) | changes, good)
    a, b = ids_of(response)
    items = [batch_item(good, website, id=id) for id in (a, b)]
    result = partial_body(items, [invalid_item(1, fields=fields)])
    assert_response(response, 207, result, STORED)
    assert stored_rows() == [expected_row(good, website, id=id) for id in (b, a)]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("x", "Expected object, received string"),
        (None, "Expected object, received null"),
        ([], "Expected object, received array"),
        (5, "Expected object, received number"),
        (True, "Expected object, received boolean"),
    ],
)
def test_an_item_that_is_no_object_costs_itself_only(batch, website, item, message):
    good = full_event_of(website)
    response = batch(item, good)
    items = [batch_item(good, website, id=id) for id in ids_of(response)]
    result = partial_body(items, [invalid_item(0, form=[message])])
    assert_response(response, 207, result, STORED)
    assert len(stored_rows()) == 1


def test_an_empty_object_lacks_each_required_field(batch, website):
    required = ("trackingCode", "eventType", "url", "sessionId", "visitorId")
    response = batch(event_of(website), {})
    [error] = response.json()["errors"]
    assert error["details"] == {
        "formErrors": [],
        "fieldErrors": {name: ["Required"] for name in required},
    }


@pytest.mark.parametrize("place", [0, 499, 999])
def test_one_bad_event_of_a_thousand_leaves_the_others(batch, website, place):
    events = [full_event_of(website, os=str(n)) for n in range(1000)]
    events[place]["url"] = "x"
    response = batch(*events)
    good = [event for event in events if event["url"] != "x"]
    items = [
        batch_item(event, website, id=id) for event, id in zip(good, ids_of(response), strict=True)
    ]
    result = partial_body(items, [invalid_item(place, fields=BAD_URL)])
    assert_response(response, 207, result, STORED)
    assert [row["os"] for row in reversed(stored_rows())] == [event["os"] for event in good]


def test_each_failed_event_is_named_by_its_place_and_reason(batch, website, other_website):
    theirs = full_event_of(other_website, id=new_id())
    known = full_event_of(website, id=new_id())
    batch(theirs, known)
    new = full_event_of(website, id=new_id())
    response = batch(
        event_of(website, url="x"),
        event_of(website, trackingCode="pm-nobody"),
        known,
        full_event_of(website, id=theirs["id"]),
        "x",
        new,
        event_of(website, trackingCode=""),
        new,
        event_of(website, trackingCode=5),
    )
    items = [batch_item(event, website, id=event["id"]) for event in (known, new)]
    errors = [
        invalid_item(0, fields=BAD_URL),
        unknown_website_item(1, "pm-nobody"),
        (3, "CONFLICT", "Event id already in use"),
        invalid_item(4, form=["Expected object, received string"]),
        unknown_website_item(6, ""),
        invalid_item(8, fields={"trackingCode": ["Expected string, received number"]}),
    ]
    assert_response(response, 207, partial_body(items, errors), STORED)
    assert len(stored_rows()) == 3


def test_a_batch_with_bad_events_can_be_repeated(batch, website):
    events = [full_event_of(website, id=new_id()), event_of(website, url="x")]
    first, again = batch(*events), batch(*events)
    assert_response(again, 207, first.json(), DUPLICATE)
    assert len(stored_rows()) == 1


def test_bad_events_beside_unknown_websites_are_rejected(batch, website):
    response = batch(event_of(website, trackingCode="pm-nobody"), event_of(website, url="x"))
    errors = [unknown_website_item(0, "pm-nobody"), invalid_item(1, fields=BAD_URL)]
    assert_response(response, 207, partial_body([], errors), REJECTED)
    assert stored_rows() == []


# All are bad


def test_when_all_events_are_bad_the_batch_is_invalid(batch, website):
    response = batch(
        event_of(website, visitorId="", url=""), "x", event_of(website, os=5, sessionId="")
    )
    messages = [
        *("Invalid URL", "URL is required", "Visitor ID is required"),
        "Expected object, received string",
        *("Session ID is required", "Expected string, received number"),
    ]
    assert_rejected(response, 400, invalid_batch(*messages))


def test_a_lone_item_that_is_no_object_is_an_invalid_batch(batch, website):
    response = batch("x")
    assert_rejected(response, 400, invalid_batch("Expected object, received string"))


def test_up_to_a_hundred_messages_are_returned(batch, website):
    response = batch(*(event_of(website, url="") for _ in range(60)), event_of(website, os=5))
    messages = ["Invalid URL", "URL is required"] * 50
    assert_rejected(response, 400, invalid_batch(*messages))


def test_a_broken_rule_comes_before_an_unknown_website(batch, website):
    response = batch(event_of(website, trackingCode="pm-nobody", url="x"))
    assert_rejected(response, 400, invalid_batch("Invalid URL"))


# While the switch is off


def test_bad_events_are_not_reported_while_the_switch_is_off(batch, website):
    change_settings(events_enabled="false")
    response = batch("x", event_of(website), event_of(website, url="x"))
    assert_response(response, 201, NO_EVENTS, KILL_SWITCH)
    assert stored_rows() == []


def test_a_batch_of_bad_events_is_invalid_while_the_switch_is_off(batch, website):
    change_settings(events_enabled="false")
    response = batch(event_of(website, url="x"), event_of(website, url="y"))
    assert_rejected(response, 400, invalid_batch("Invalid URL", "Invalid URL"))


# Websites


@pytest.fixture
def queries_of(unrecorded):
    """Return the queries of the main database that a call makes, but for runtime settings."""

    def run(call):
        with CaptureQueriesContext(connections["default"]) as queries:
            call()
        return [query["sql"] for query in queries if "websites_website" in query["sql"]]

    return run


def test_all_codes_of_a_batch_are_looked_up_by_one_query(batch, website, other_website, queries_of):
    old_code = other_website.rotate_code()
    codes = [website.tracking_code, old_code, *(f"pm-nobody-{n}" for n in range(998))]
    events = [event_of(website, trackingCode=code) for code in codes]
    assert len(queries_of(lambda: batch(*events))) == 1
    assert {row["website_id"] for row in stored_rows()} == {website.id, other_website.id}
    assert queries_of(lambda: batch(*events)) == []
    assert len(stored_rows()) == 4


def test_texts_that_can_be_no_code_are_not_looked_up(batch, website, queries_of):
    events = [event_of(website, trackingCode=code) for code in ("", "abc", "pm-" + "x" * 62)]
    assert queries_of(lambda: batch(*events)) == []
