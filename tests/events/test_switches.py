"""The kill switch of the events API, and the cap on properties"""

import json
from uuid import UUID

import pytest

from config import runtime
from config.db import uuid7
from config.models import RuntimeSettings
from tests.support.bodies import properties_of_size
from tests.support.events import (
    AT_MS,
    BATCH_PATH,
    DUPLICATE,
    ID,
    KILL_SWITCH,
    PATH,
    REJECTED,
    assert_rejected,
    event_body,
    event_of,
    full_event_of,
    stored_rows,
    validation_body,
)
from tests.support.responses import assert_error, assert_response
from tests.support.runtime_settings import OFF, change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NO_EVENTS = {
    "success": True,
    "eventsCreated": 0,
    "events": [],
    "message": "Successfully created 0 events",
}
NO_EVENT = (404, "NOT_FOUND", "Event not found")


# The kill switch


@pytest.mark.parametrize("text", OFF)
def test_while_the_switch_is_off_a_single_event_gets_its_usual_response(api, website, text):
    change_settings(events_enabled=text)
    sent = full_event_of(website)
    response = api.post(PATH, sent)
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id), KILL_SWITCH)
    assert (UUID(id).version, uuid7.ms_of(UUID(id))) == (7, AT_MS)
    assert stored_rows() == []
    assert_error(api.get(f"{PATH}/{id}"), *NO_EVENT)


@pytest.mark.parametrize("text", OFF)
def test_while_the_switch_is_off_a_batch_creates_nothing(api, website, text):
    change_settings(events_enabled=text)
    response = api.post(BATCH_PATH, {"events": [event_of(website)] * 2})
    assert_response(response, 201, NO_EVENTS, KILL_SWITCH)
    assert stored_rows() == []


@pytest.mark.parametrize("codes", [["pm-nobody"], ["", "abc", "pm-nobody"]])
def test_while_the_switch_is_off_a_batch_asks_for_no_website(api, website, codes):
    change_settings(events_enabled="false")
    events = [event_of(website, trackingCode=code) for code in codes]
    assert_response(api.post(BATCH_PATH, {"events": events}), 201, NO_EVENTS, KILL_SWITCH)


def test_the_switch_can_be_thrown_while_the_service_runs(api, website):
    outcomes = []
    for text in ("true", "false", "true"):
        change_settings(events_enabled=text)
        outcomes.append(api.post(PATH, event_of(website))["X-Event-Outcome"])
    assert outcomes == ["stored", "dropped; reason=kill_switch", "stored"]
    assert len(stored_rows()) == 2


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_a_switch_takes_effect_within_two_seconds(api, website, clock, path):
    body = event_of(website) if path == PATH else {"events": [event_of(website)]}
    assert api.post(path, body)["X-Event-Outcome"] == "stored"
    RuntimeSettings.load().change({"events_enabled": "false"}, changed_by="staff@example.com")
    clock.move(seconds=2)
    assert api.post(path, body)["X-Event-Outcome"] == "dropped; reason=kill_switch"


def test_the_switches_of_other_apis_do_not_matter(api, website):
    others = ("tracking", "activity", "platform", "collect")
    change_settings(**{f"{name}_enabled": "false" for name in others})
    assert api.post(PATH, event_of(website))["X-Event-Outcome"] == "stored"


def test_an_id_that_is_known_does_not_matter_while_the_switch_is_off(api, website):
    sent = full_event_of(website, id=ID, os="stored")
    api.post(PATH, sent)
    change_settings(events_enabled="false")
    again = sent | {"os": "sent again"}
    assert_response(api.post(PATH, again), 201, event_body(again, website, id=ID), KILL_SWITCH)
    assert [event["os"] for event in stored_rows()] == ["stored"]
    change_settings(events_enabled="true")
    assert_response(api.post(PATH, again), 200, event_body(sent, website, id=ID), DUPLICATE)


def test_events_can_be_read_while_the_switch_is_off(api, website):
    api.post(PATH, event_of(website, id=ID))
    change_settings(events_enabled="false")
    assert api.get(f"{PATH}/{ID}").status_code == 200
    listed = api.get(PATH, {"trackingCode": website.tracking_code}).json()
    assert listed["pagination"]["total"] == 1


@pytest.mark.parametrize(
    ("path", "content_type", "body", "status"),
    [
        (PATH, "text/html", b"{}", 415),
        (PATH, "application/json", b"{", 400),
        (PATH, "application/json", b"{}", 400),
        (PATH, "application/json", b"x" * 1_048_577, 413),
        (BATCH_PATH, "text/html", b"{}", 415),
        (BATCH_PATH, "application/json", b"{", 400),
        (BATCH_PATH, "application/json", b"{}", 400),
        (BATCH_PATH, "application/json", b"x" * 4_194_305, 413),
    ],
    ids=lambda value: str(value)[:30],
)
def test_every_check_works_while_the_switch_is_off(api, path, content_type, body, status):
    change_settings(events_enabled="false")
    response = api.post_bytes(path, body, content_type)
    assert (response.status_code, response["X-Event-Outcome"]) == (status, "rejected")


def test_an_unknown_website_comes_before_the_switch(api, website):
    change_settings(events_enabled="false")
    body = {"error": "NOT_FOUND", "message": "Website with this tracking code not found"}
    response = api.post(PATH, event_of(website, trackingCode="pm-nobody"))
    assert_response(response, 404, body, REJECTED)


def test_the_cap_comes_before_the_switch(api, website):
    change_settings(events_enabled="false")
    event = event_of(website, properties={"a": "x" * 10_000})
    messages = ["Properties exceed 10000 bytes"]
    assert_rejected(api.post(PATH, event), 400, validation_body(fields={"properties": messages}))
    body = validation_body(fields={"events": messages}, message="Invalid batch event data")
    assert_rejected(api.post(BATCH_PATH, {"events": [event]}), 400, body)


# The cap on properties


@pytest.mark.parametrize("cap", [None, 10, 101, 20_000])
@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_properties_of_exactly_the_cap_pass(api, website, cap, more, ensure_ascii):
    if cap:
        change_settings(max_event_data_bytes=cap)
    value = properties_of_size((cap or 10_000) + more)
    body = json.dumps(event_of(website, properties=value), ensure_ascii=ensure_ascii, indent=4)
    response = api.post_bytes(PATH, body)
    if more <= 0:
        assert response.status_code == 201
        assert [event["properties"] for event in stored_rows()] == [value]
    else:
        messages = [f"Properties exceed {cap or 10_000} bytes"]
        assert_rejected(response, 400, validation_body(fields={"properties": messages}))


@pytest.mark.parametrize(
    ("sent", "size"),
    [
        (b"{}", 2),
        (b'{"a":"\xc3\xa9"}', 10),
        (b'{ "a" : [ 1 , 2 ] }', 11),
        (b'{"a":"\\u0041\\/"}', 10),
        (b'{"a":"\\n\\u000a\\t\\b\\f\\r"}', 20),
        (b'{"a":"\\"\\\\"}', 12),
        (b'{"a":"\\u0001\\u001f"}', 20),
        (b'{"a":"\\u007f\\u2028"}', 12),
        (b'{"a":"\\ud83d\\ude00"}', 12),
        (b'{"a":1,"a":22}', 8),
    ],
)
def test_the_size_is_that_of_compact_json(api, website, sent, size):
    body = json.dumps(event_of(website, properties="HERE")).encode().replace(b'"HERE"', sent)
    statuses = []
    for cap in (size, size - 1):
        # The form takes 2 to 1048576; below that only the row itself can be changed.
        RuntimeSettings.objects.update_or_create(pk=1, defaults={"max_event_data_bytes": cap})
        runtime.expire()
        statuses.append(api.post_bytes(PATH, body).status_code)
    assert statuses == [201, 400]
    assert [event["properties"] for event in stored_rows()] == [json.loads(sent)]


def test_the_cap_holds_for_each_event_of_a_batch(api, website):
    fits, exceeds = (
        event_of(website, properties=properties_of_size(size)) for size in (10_000, 10_001)
    )
    response = api.post(BATCH_PATH, {"events": [fits, exceeds]})
    assert (response.status_code, response.json()["eventsCreated"]) == (207, 1)
    [error] = response.json()["errors"]
    assert error["details"]["fieldErrors"] == {"properties": ["Properties exceed 10000 bytes"]}
    assert len(stored_rows()) == 1
