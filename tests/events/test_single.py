"""POST /api/v1/events: what is stored"""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from analytics.events.models import Event
from config.db import uuid7
from tests.support.events import (
    AT_MS,
    AT_TEXT,
    DAY_MS,
    DUPLICATE,
    EARLIEST_MS,
    ID,
    NOW_MS,
    PATH,
    REJECTED,
    STORED,
    assert_rejected,
    event_body,
    event_of,
    expected_row,
    full_event_of,
    stored_rows,
)
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NOW = datetime(2027, 1, 15, 8, 0, 0, 123_000, tzinfo=UTC)
NOW_TEXT = "2027-01-15T08:00:00.123Z"
NO_SITE = {"error": "NOT_FOUND", "message": "Website with this tracking code not found"}


# What is stored


def test_an_event_is_stored_and_returned(api, website):
    sent = full_event_of(website)
    response = api.post(PATH, sent)
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id), STORED)
    assert stored_rows() == [expected_row(sent, website, id=id)]
    assert (UUID(id).version, str(UUID(id))) == (7, id)
    assert uuid7.ms_of(UUID(id)) == AT_MS


def test_missing_fields_are_null(api, website, now):
    sent = event_of(website)
    response = api.post(PATH, sent)
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id, at=NOW_TEXT), STORED)
    assert stored_rows() == [expected_row(sent, website, id=id, at=NOW)]
    assert uuid7.ms_of(UUID(id)) == NOW_MS


def test_without_a_timestamp_the_time_is_that_of_the_request(api, website):
    before = uuid7.now_ms()
    api.post(PATH, event_of(website))
    event = Event.objects.get()
    assert before <= uuid7.to_ms(event.created_at) <= uuid7.now_ms()
    assert uuid7.time_of(event.id) == event.created_at


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("eventType", "pageview"),
        ("eventType", "click"),
        ("eventType", "custom"),
        ("url", "HTTPS://user:secret@Example.com:8443/a?b=c#d"),
        ("url", "http://192.168.0.1:0/"),
        ("url", "http://[2001:db8::1]:65535/"),
        ("url", "http://münchen.example/straße"),
        ("url", "http://localhost/" + "é" * 2031),  # 2048 characters
        ("url", "https://other.example/?q=<script>alert(1)</script>"),
        ("url", "capacitor://localhost/tabs/home"),
        ("url", "file:///android_asset/www/index.html"),
        ("url", "https://👩\u200d💻.example/"),
        ("url", "https://❤️.example/"),
        ("referrer", "android-app://com.google.android.gm/"),
        ("referrer", "ionic://localhost"),
        ("referrer", "http://می\u200cشود.example/"),
        ("referrer", None),
        ("referrer", "http://google.com/" + "x" * 2030),
        ("sessionId", "x"),
        ("sessionId", "😀" * 255),
        ("sessionId", "' OR 1=1 --\t\\N\n"),
        ("visitorId", " "),
        ("visitorId", "é" * 255),
        ("deviceType", None),
        ("deviceType", "mobile"),
        ("deviceType", "tablet"),
        ("deviceType", "desktop"),
        ("browser", None),
        ("browser", ""),
        ("browser", "é" * 100),
        ("os", None),
        ("os", "<b>Linux</b>"),
        ("os", "😀" * 100),
        ("location", None),
        ("location", "Ελλάδα"),
        ("location", "x" * 100),
        ("properties", None),
        ("properties", {}),
        ("properties", {"a": [1, 2.5, -0.125, True, None, "é", {"b": []}]}),
    ],
)
def test_valid_values_are_stored_unchanged(api, website, field, value):
    sent = full_event_of(website) | {field: value}
    response = api.post(PATH, sent)
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id), STORED)
    assert stored_rows() == [expected_row(sent, website, id=id)]


def test_an_empty_referrer_is_null(api, website):
    sent = full_event_of(website, referrer="")
    response = api.post(PATH, sent)
    id = response.json()["id"]
    expected = sent | {"referrer": None}
    assert_response(response, 201, event_body(expected, website, id=id), STORED)
    assert stored_rows() == [expected_row(expected, website, id=id)]


@pytest.mark.parametrize("field", ["userId", "user_id", "createdAt", "websiteId", "nothing"])
def test_an_unknown_field_is_ignored(api, website, field):
    sent = full_event_of(website)
    response = api.post(PATH, sent | {field: str(uuid4())})
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id), STORED)
    assert stored_rows() == [expected_row(sent, website, id=id)]


def test_an_invalid_token_is_ignored(api, website):
    response = api.post(PATH, event_of(website), headers={"Authorization": "Bearer junk"})
    assert (response.status_code, len(stored_rows())) == (201, 1)


# The time of an event, and its id


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, NOW_TEXT),
        ({"timestamp": AT_MS}, AT_TEXT),
        ({"timestamp": AT_MS + 0.999}, AT_TEXT),
        ({"timestamp": float(AT_MS)}, AT_TEXT),
        ({"timestamp": EARLIEST_MS}, "2015-01-01T00:00:00.000Z"),
        ({"timestamp": NOW_MS + DAY_MS}, "2027-01-16T08:00:00.123Z"),
        ({"timestamp": NOW_MS + DAY_MS + 0.5}, "2027-01-16T08:00:00.123Z"),
        ({"timestamp": NOW_MS - DAY_MS}, "2027-01-14T08:00:00.123Z"),
        ({"id": ID}, AT_TEXT),
        ({"id": ID, "timestamp": AT_MS}, AT_TEXT),
        ({"id": ID, "timestamp": AT_MS + 0.999}, AT_TEXT),
        ({"id": "014aa2ca-b000-7000-8000-000000000000"}, "2015-01-01T00:00:00.000Z"),
        ({"id": "01a31d82-ac7b-7000-8000-000000000000"}, "2027-01-16T08:00:00.123Z"),
    ],
)
def test_the_time_is_the_timestamp_or_that_of_the_id_or_now(api, website, now, given, text):
    sent = event_of(website, **given)
    response = api.post(PATH, sent)
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id, at=text), STORED)
    assert stored_rows() == [expected_row(sent, website, id=id, at=datetime.fromisoformat(text))]
    assert uuid7.time_of(UUID(id)) == datetime.fromisoformat(text)


@pytest.mark.parametrize("write", [str, str.upper])
def test_an_id_of_the_client_is_stored_and_returned_in_lower_case(api, website, write):
    sent = full_event_of(website)
    response = api.post(PATH, sent | {"id": write(ID)})
    assert_response(response, 201, event_body(sent, website, id=ID), STORED)
    assert stored_rows() == [expected_row(sent, website, id=ID)]


@pytest.mark.parametrize(
    "again",
    [
        {},
        {"id": ID.upper()},
        {"url": "https://other.example/", "eventType": "click", "referrer": None},
        {"properties": {"b": 2}, "browser": "Firefox"},
    ],
)
def test_a_repeated_id_is_answered_with_the_stored_event(api, website, again):
    sent = full_event_of(website, id=ID)
    api.post(PATH, sent)
    response = api.post(PATH, sent | again)
    assert_response(response, 200, event_body(sent, website, id=ID), DUPLICATE)
    assert stored_rows() == [expected_row(sent, website, id=ID)]


def test_an_id_of_another_websites_event_is_a_conflict(api, website, make_website, user):
    sent = full_event_of(website, id=ID)
    api.post(PATH, sent)
    response = api.post(PATH, full_event_of(make_website(user, "other.example"), id=ID))
    body = {"error": "CONFLICT", "message": "Event id already in use"}
    assert_response(response, 409, body, REJECTED)
    assert stored_rows() == [expected_row(sent, website, id=ID)]


def test_without_an_id_every_request_stores_an_event(api, website):
    responses = [api.post(PATH, full_event_of(website)) for _ in range(3)]
    assert [response.status_code for response in responses] == [201, 201, 201]
    result = {response.json()["id"] for response in responses}
    assert {str(event["id"]) for event in stored_rows()} == result
    assert len(result) == 3


# Websites


@pytest.mark.parametrize(
    "code", ["pm-nobody", "pm-", "pm-%00", "pm-\U0010ffff", "pm-" + "x" * 61, "pm-' OR 1=1 --"]
)
def test_an_unknown_tracking_code_is_not_found(api, website, code):
    assert_rejected(api.post(PATH, event_of(website, trackingCode=code)), 404, NO_SITE)


def test_an_inactive_website_is_not_found(api, website):
    website.change(is_active=False)
    assert_rejected(api.post(PATH, event_of(website)), 404, NO_SITE)


@pytest.mark.parametrize("end", [lambda site: site.change(is_active=False), lambda s: s.delete()])
def test_a_website_that_ended_is_not_found(api, website, end):
    sent = event_of(website, id=ID)
    api.post(PATH, sent)
    end(website)
    assert_response(api.post(PATH, sent), 404, NO_SITE, REJECTED)
    assert len(stored_rows()) == 1


def test_a_website_is_found_as_soon_as_it_is_active(api, website):
    website.change(is_active=False)
    api.post(PATH, event_of(website))
    website.change(is_active=True)
    assert api.post(PATH, event_of(website)).status_code == 201


# Failures of storage


def test_an_old_event_is_stored_under_its_own_time(api, website):
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=89)
    api.post(PATH, event_of(website, timestamp=uuid7.to_ms(at)))
    assert [event["created_at"] for event in stored_rows()] == [at]
