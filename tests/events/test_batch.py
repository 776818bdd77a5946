"""POST /api/v1/events/batch"""

import json
import logging
from uuid import UUID

import pytest
from django.db import OperationalError, connections

from analytics.events.models import Event
from analytics.ingest import commit
from config.db import uuid7
from tests.support.events import (
    AT_MS,
    BATCH_PATH,
    DUPLICATE,
    REJECTED,
    STORED,
    UNAVAILABLE,
    WRITE_FAILED,
    assert_refused_event,
    briefly,
    event_of,
    full_event_of,
    invalid,
    new_id,
    post,
    post_bytes,
    row,
    stored,
)
from tests.support.responses import assert_answer

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

IN_USE = "Event id already in use"
FAILED = {"error": "INTERNAL_SERVER_ERROR", "message": "Failed to create batch events"}
TYPES = "'pageview' | 'click' | 'custom'"


@pytest.fixture
def batch(api):
    """Post events."""
    return lambda *events: post(api, {"events": events}, BATCH_PATH)


@pytest.fixture
def other_website(make_website, make_user):
    return make_website(make_user("other@example.com"), "other.example")


def created(*events):
    """Return the body in which every event was created."""
    message = f"Successfully created {len(events)} events"
    return {"success": True, "eventsCreated": len(events), "events": [*events], "message": message}


def partly(events, errors):
    """Return the body in which some events failed, each told as (index, error, message)."""
    return {
        "success": False,
        "eventsCreated": len(events),
        "events": events,
        "errors": [
            {"index": index, "error": error, "message": message} for index, error, message in errors
        ],
        "message": f"Created {len(events)} events with {len(errors)} errors",
    }


def not_found(index, code):
    return index, "NOT_FOUND", f'Website with tracking code "{code}" not found'


def invalid_batch(**details):
    return invalid(message="Invalid batch event data", **details)


def ids_of(response):
    return [event["id"] for event in response.json()["events"]]


# What is stored


def test_events_are_stored_and_told_in_the_order_of_the_request(batch, website):
    first = full_event_of(website)
    second = full_event_of(website, eventType="click", url="https://example.com/2")
    response = batch(first, second)
    a, b = ids_of(response)
    told = created(briefly(first, website, id=a), briefly(second, website, id=b))
    assert_answer(response, 201, told, STORED)
    assert stored() == [row(second, website, id=b), row(first, website, id=a)]


def test_one_event_is_a_batch_too(batch, website):
    sent = event_of(website, timestamp=AT_MS)
    response = batch(sent)
    [id] = ids_of(response)
    assert_answer(response, 201, created(briefly(sent, website, id=id)), STORED)
    assert stored() == [row(sent, website, id=id)]


def test_events_of_several_websites_share_a_batch(batch, website, other_website):
    sent = [full_event_of(site) for site in (website, other_website, website)]
    response = batch(*sent)
    a, b, c = ids_of(response)
    told = created(
        briefly(sent[0], website, id=a),
        briefly(sent[1], other_website, id=b),
        briefly(sent[2], website, id=c),
    )
    assert_answer(response, 201, told, STORED)
    assert [(str(event["id"]), event["website_id"]) for event in reversed(stored())] == [
        (a, website.id),
        (b, other_website.id),
        (c, website.id),
    ]


def test_a_thousand_events_of_one_time_have_ids_in_the_order_of_the_request(batch, website):
    response = batch(*(event_of(website, timestamp=AT_MS, os=str(n)) for n in range(1000)))
    assert response.status_code == 201
    assert response.json()["eventsCreated"] == 1000
    told = ids_of(response)
    assert told == sorted(set(told))
    assert list(Event.objects.order_by("id").values_list("os", flat=True)) == [
        str(n) for n in range(1000)
    ]


def test_each_event_has_its_own_time(batch, website):
    times = [AT_MS + 2, AT_MS, AT_MS + 1, AT_MS]
    told = [UUID(id) for id in ids_of(batch(*(event_of(website, timestamp=t) for t in times)))]
    assert [uuid7.ms_of(id) for id in told] == times
    assert told[1] < told[3]


# Duplicates and conflicts


def test_a_repeated_batch_gives_the_same_body_and_no_row(batch, website):
    events = [full_event_of(website, id=new_id()) for _ in range(3)]
    first = batch(*events)
    again = batch(*events)
    assert_answer(again, 201, first.json(), DUPLICATE)
    assert len(stored()) == 3


def test_a_known_event_is_told_as_it_is_stored(batch, website):
    known, new = full_event_of(website, id=new_id()), full_event_of(website, id=new_id())
    batch(known)
    response = batch(known | {"url": "https://example.com/changed", "eventType": "click"}, new)
    told = created(briefly(known, website, id=known["id"]), briefly(new, website, id=new["id"]))
    assert_answer(response, 201, told, STORED)
    assert {str(event["id"]): event["url"] for event in stored()} == {
        known["id"]: known["url"],
        new["id"]: new["url"],
    }


@pytest.mark.parametrize("write", [str, str.upper])
def test_an_id_repeated_within_a_batch_counts_once_at_its_first_place(batch, website, write):
    id, other_id = new_id(), new_id()
    first, between, second = (
        full_event_of(website, id=id, os="first"),
        full_event_of(website, id=other_id),
        full_event_of(website, id=write(id), os="second"),
    )
    response = batch(first, between, second)
    told = created(briefly(first, website, id=id), briefly(between, website, id=other_id))
    assert_answer(response, 201, told, STORED)
    assert Event.objects.get(id=id).os == "first"
    assert len(stored()) == 2


def test_an_id_of_another_websites_event_fails_alone(batch, website, other_website):
    theirs = full_event_of(other_website, id=new_id())
    batch(theirs)
    good = full_event_of(website, id=new_id())
    response = batch(full_event_of(website, id=theirs["id"]), good)
    told = partly([briefly(good, website, id=good["id"])], [(0, "CONFLICT", IN_USE)])
    assert_answer(response, 207, told, STORED)
    assert Event.objects.get(id=theirs["id"]).website_id == other_website.id
    assert len(stored()) == 2


def test_an_id_of_two_websites_within_a_batch_is_the_first_ones(batch, website, other_website):
    id = new_id()
    first = full_event_of(website, id=id)
    response = batch(first, full_event_of(other_website, id=id))
    told = partly([briefly(first, website, id=id)], [(1, "CONFLICT", IN_USE)])
    assert_answer(response, 207, told, STORED)
    assert stored() == [row(first, website, id=id)]


def test_a_batch_of_conflicts_is_rejected(batch, website, other_website):
    theirs = full_event_of(other_website, id=new_id())
    batch(theirs)
    response = batch(full_event_of(website, id=theirs["id"]))
    assert_answer(response, 207, partly([], [(0, "CONFLICT", IN_USE)]), REJECTED)


def test_duplicates_beside_errors_are_no_stored_events(batch, website):
    known = full_event_of(website, id=new_id())
    batch(known)
    response = batch(known, event_of(website, trackingCode="pm-nobody"))
    told = partly([briefly(known, website, id=known["id"])], [not_found(1, "pm-nobody")])
    assert_answer(response, 207, told, DUPLICATE)


# Websites


@pytest.mark.parametrize(
    "code",
    [
        *("", "abc", "pm-nobody", "x" * 64, "😀" * 64, '"{0}', "pm-{input}", "<script>", " "),
        "pm-' OR 1=1 --",
    ],
)
def test_a_code_that_no_website_has_fails_alone(batch, website, code):
    good = full_event_of(website)
    response = batch(event_of(website, trackingCode=code), good)
    [id] = ids_of(response)
    told = partly([briefly(good, website, id=id)], [not_found(0, code)])
    assert_answer(response, 207, told, STORED)
    assert stored() == [row(good, website, id=id)]


def test_a_code_is_told_cut_to_64_characters(batch, website):
    response = batch(event_of(website, trackingCode="😀" * 65))
    assert_answer(response, 207, partly([], [not_found(0, "😀" * 64)]), REJECTED)


@pytest.mark.parametrize("end", [lambda site: site.change(is_active=False), lambda s: s.delete()])
def test_a_website_that_ended_takes_no_more_events(batch, website, other_website, end):
    batch(event_of(website))
    end(website)
    response = batch(event_of(website), event_of(other_website, timestamp=AT_MS))
    [id] = ids_of(response)
    told = partly(
        [briefly(event_of(other_website), other_website, id=id)],
        [not_found(0, website.tracking_code)],
    )
    assert_answer(response, 207, told, STORED)
    assert len(stored()) == 2


def test_a_batch_without_any_known_website_is_rejected(batch, website):
    codes = ["pm-nobody", "", "abc"]
    response = batch(*(event_of(website, trackingCode=code) for code in codes))
    told = partly([], [not_found(index, code) for index, code in enumerate(codes)])
    assert told["message"] == "Created 0 events with 3 errors"
    assert_refused_event(response, 207, told)


# Whole-batch failures


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Required"),
        ({"event": []}, "Required"),
        ({"events": None}, "Expected array, received null"),
        ({"events": "x"}, "Expected array, received string"),
        ({"events": {}}, "Expected array, received object"),
        ({"events": []}, "At least one event is required"),
        ({"events": [{}] * 1001}, "Array must contain at most 1000 element(s)"),
        ({"events": [None] * 5000}, "Array must contain at most 1000 element(s)"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_events_must_be_a_list_of_one_to_a_thousand(api, website, body, message):
    response = post(api, body, BATCH_PATH)
    assert_refused_event(response, 400, invalid_batch(fields={"events": [message]}))


def test_an_empty_body_lacks_events(api):
    told = invalid_batch(fields={"events": ["Required"]})
    assert_refused_event(post_bytes(api, b"", BATCH_PATH), 400, told)


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"trackingCode": 5}, ["Expected string, received number"]),
        ({"trackingCode": None}, ["Expected string, received null"]),
        ({"url": "x"}, ["Invalid URL"]),
        ({"url": ""}, ["Invalid URL", "URL is required"]),
        ({"eventType": "scroll"}, [f"Invalid enum value. Expected {TYPES}, received 'scroll'"]),
        ({"id": "1"}, ["Invalid uuid"]),
        ({"timestamp": 0}, ["Timestamp out of range"]),
        ({"properties": {"a": "x" * 10_000}}, ["Properties exceed 10000 bytes"]),
        ({"id": new_id(AT_MS), "timestamp": AT_MS + 1}, ["Timestamp does not match id"]),
        (
            {"visitorId": "", "url": 5, "sessionId": ""},
            [
                "Expected string, received number",
                "Session ID is required",
                "Visitor ID is required",
            ],
        ),
    ],
    ids=lambda value: "".join(value)[:40],
)
def test_one_bad_event_fails_the_whole_batch(batch, website, changes, messages):
    response = batch(event_of(website), event_of(website) | changes)
    assert_refused_event(response, 400, invalid_batch(fields={"events": messages}))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("x", "Expected object, received string"),
        (None, "Expected object, received null"),
        ([], "Expected object, received array"),
        (5, "Expected object, received number"),
    ],
)
def test_an_item_must_be_an_object(batch, website, item, message):
    response = batch(event_of(website), item)
    assert_refused_event(response, 400, invalid_batch(fields={"events": [message]}))


def test_messages_come_in_the_order_of_the_items_and_fields(batch, website):
    response = batch(
        event_of(website, visitorId="", url=""), "x", event_of(website, os=5, sessionId="")
    )
    messages = [
        *("Invalid URL", "URL is required", "Visitor ID is required"),
        "Expected object, received string",
        *("Session ID is required", "Expected string, received number"),
    ]
    assert_refused_event(response, 400, invalid_batch(fields={"events": messages}))


def test_one_bad_event_of_a_thousand_fails_all(batch, website):
    events = [event_of(website) for _ in range(999)]
    response = batch(*events, event_of(website, url="x"))
    assert_refused_event(response, 400, invalid_batch(fields={"events": ["Invalid URL"]}))


def test_a_hundred_messages_are_told(batch, website):
    response = batch(*(event_of(website, url="") for _ in range(60)), event_of(website, os=5))
    messages = ["Invalid URL", "URL is required"] * 50
    assert_refused_event(response, 400, invalid_batch(fields={"events": messages}))


def test_a_bad_event_comes_before_an_unknown_website(batch, website):
    response = batch(event_of(website, trackingCode="pm-nobody", url="x"))
    assert_refused_event(response, 400, invalid_batch(fields={"events": ["Invalid URL"]}))


# Methods, types and sizes


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_post_is_allowed(api, website, method):
    body = json.dumps({"events": [event_of(website)]})
    response = api.generic(method, BATCH_PATH, body, "application/json")
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "X-Event-Outcome" not in response
    if method != "HEAD":
        told = {"error": "METHOD_NOT_ALLOWED", "message": "Method not allowed"}
        assert response.json() == told
    assert stored() == []


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("text/plain;charset=UTF-8", 201),
        ("", 201),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
def test_types_are_those_of_a_public_route(api, website, content_type, status):
    body = json.dumps({"events": [event_of(website)]})
    assert post_bytes(api, body, BATCH_PATH, content_type).status_code == status
    assert len(stored()) == (status == 201)


@pytest.mark.parametrize(("size", "status"), [(1_048_576, 201), (1_048_577, 413)])
def test_a_body_may_have_a_mebibyte(api, website, size, status):
    body = json.dumps({"events": [event_of(website)], "filling": ""})
    body = body.replace('"filling": ""', f'"filling": "{"x" * (size - len(body))}"')
    assert len(body) == size
    assert post_bytes(api, body, BATCH_PATH).status_code == status
    assert len(stored()) == (status == 201)


# When storage fails


def test_without_the_analytics_database_nothing_is_stored(batch, website, monkeypatch):
    def refuse(rows):
        raise OperationalError("the analytics database is away")

    with monkeypatch.context() as patch:
        patch.setattr(commit, "copy_rows", refuse)
        response = batch(event_of(website), event_of(website))
    assert_answer(response, 503, UNAVAILABLE, WRITE_FAILED)
    assert stored() == []


def test_without_the_main_database_no_website_is_known(batch, website, request):
    request.getfixturevalue("main_database_away")
    assert_answer(batch(event_of(website)), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored() == []


def test_a_crash_is_told_without_its_reason_and_logged(batch, website, monkeypatch, caplog):
    def crash(*rows):
        raise RuntimeError("a secret")

    monkeypatch.setattr("analytics.events.api.store_batch", crash)
    with caplog.at_level(logging.ERROR):
        response = batch(event_of(website))
    assert_answer(response, 500, FAILED, WRITE_FAILED)
    [record] = [each for each in caplog.records if each.name == "config.api.view"]
    assert record.exc_info
    assert str(record.exc_info[1]) == "a secret"


@pytest.mark.parametrize("place", [0, 1, 499, 999])
def test_a_row_that_the_database_refuses_fails_alone(batch, website, place):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_event ADD CHECK (session_id <> 'refused') NOT VALID")
    events = [event_of(website, timestamp=AT_MS) for _ in range(1000)]
    events[place]["sessionId"] = "refused"
    response = batch(*events)
    good = [briefly(events[0], website, id=id) for id in ids_of(response)]
    refused = (place, "PROCESSING_ERROR", "Event could not be stored")
    assert_answer(response, 207, partly(good, [refused]), STORED)
    assert [str(event["id"]) for event in reversed(stored())] == ids_of(response)
    assert len(good) == 999
