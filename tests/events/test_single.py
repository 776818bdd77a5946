"""POST /api/v1/events"""

import io
import json
import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connections

from analytics.events.models import Event
from analytics.ingest import commit
from config.db import uuid7
from tests.support.events import (
    AT_MS,
    AT_TEXT,
    DUPLICATE,
    ID,
    PATH,
    REJECTED,
    STORED,
    UNAVAILABLE,
    WRITE_FAILED,
    assert_refused_event,
    event_of,
    full_event_of,
    invalid,
    post,
    post_bytes,
    row,
    shown,
    stored,
)
from tests.support.responses import assert_answer

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NOW_MS = 1_800_000_000_123
NOW = datetime(2027, 1, 15, 8, 0, 0, 123_000, tzinfo=UTC)
NOW_TEXT = "2027-01-15T08:00:00.123Z"
DAY_MS = 86_400_000
EARLIEST_MS = 1_420_070_400_000
METHODS = {"Allow": "GET, POST, HEAD"}
NO_SITE = {"error": "NOT_FOUND", "message": "Website with this tracking code not found"}
TOO_LARGE = {"error": "PAYLOAD_TOO_LARGE", "message": "Request body is too large"}
WRONG_TYPE = {"error": "UNSUPPORTED_MEDIA_TYPE", "message": "Unsupported media type"}
FAILED = {"error": "INTERNAL_SERVER_ERROR", "message": "Failed to create event"}
NO_ROUTE = {"error": "NOT_FOUND", "message": "Route not found"}
TYPES = "'pageview' | 'click' | 'custom'"
DEVICES = "'mobile' | 'tablet' | 'desktop'"
OUT_OF_RANGE = "Timestamp out of range"
ABSENT = object()


@pytest.fixture
def clock(monkeypatch):
    """Hold the server's clock at NOW."""
    monkeypatch.setattr(uuid7, "now_ms", lambda: NOW_MS)


class Stream(io.BytesIO):
    """A body without a length, which remembers how much of it was read."""

    taken = 0

    def read(self, size=-1):
        given = super().read(size)
        self.taken += len(given)
        return given


def post_chunked(api, stream):
    """Send a body without Content-Length, as the server hands it over."""
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": stream}
    return api.generic("POST", PATH, content_type="application/json", **environ)


def filled_to(size, event):
    """Return an event as JSON of so many bytes, with an unknown key as filling."""
    body = json.dumps(event | {"filling": ""}).encode()
    return body.replace(b'"filling": ""', b'"filling": "%s"' % (b"x" * (size - len(body))))


# What is stored


def test_an_event_is_stored_and_told(api, website):
    sent = full_event_of(website)
    response = post(api, sent)
    id = response.json()["id"]
    assert_answer(response, 201, shown(sent, website, id=id), STORED)
    assert stored() == [row(sent, website, id=id)]
    assert (UUID(id).version, str(UUID(id))) == (7, id)
    assert uuid7.ms_of(UUID(id)) == AT_MS


def test_what_does_not_come_is_null(api, website, clock):
    sent = event_of(website)
    response = post(api, sent)
    id = response.json()["id"]
    assert_answer(response, 201, shown(sent, website, id=id, at=NOW_TEXT), STORED)
    assert stored() == [row(sent, website, id=id, at=NOW)]
    assert uuid7.ms_of(UUID(id)) == NOW_MS


def test_without_a_timestamp_the_time_is_that_of_the_request(api, website):
    before = uuid7.now_ms()
    post(api, event_of(website))
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
def test_what_keeps_every_rule_is_stored_as_it_came(api, website, field, value):
    sent = full_event_of(website) | {field: value}
    response = post(api, sent)
    id = response.json()["id"]
    assert_answer(response, 201, shown(sent, website, id=id), STORED)
    assert stored() == [row(sent, website, id=id)]


@pytest.mark.parametrize("field", ["userId", "user_id", "createdAt", "websiteId", "nothing"])
def test_an_unknown_field_is_ignored(api, website, field):
    sent = full_event_of(website)
    response = post(api, sent | {field: str(uuid4())})
    id = response.json()["id"]
    assert_answer(response, 201, shown(sent, website, id=id), STORED)
    assert stored() == [row(sent, website, id=id)]


def test_a_token_that_opens_nothing_does_not_matter(api, website):
    response = post(api, event_of(website), headers={"Authorization": "Bearer junk"})
    assert (response.status_code, len(stored())) == (201, 1)


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
def test_the_time_is_the_timestamp_or_that_of_the_id_or_now(api, website, clock, given, text):
    sent = event_of(website, **given)
    response = post(api, sent)
    id = response.json()["id"]
    assert_answer(response, 201, shown(sent, website, id=id, at=text), STORED)
    assert stored() == [row(sent, website, id=id, at=datetime.fromisoformat(text))]
    assert uuid7.time_of(UUID(id)) == datetime.fromisoformat(text)


@pytest.mark.parametrize("write", [str, str.upper])
def test_an_id_of_the_client_is_kept_and_told_in_lower_case(api, website, write):
    sent = full_event_of(website)
    response = post(api, sent | {"id": write(ID)})
    assert_answer(response, 201, shown(sent, website, id=ID), STORED)
    assert stored() == [row(sent, website, id=ID)]


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
    post(api, sent)
    response = post(api, sent | again)
    assert_answer(response, 200, shown(sent, website, id=ID), DUPLICATE)
    assert stored() == [row(sent, website, id=ID)]


def test_an_id_of_another_websites_event_is_a_conflict(api, website, make_website, user):
    sent = full_event_of(website, id=ID)
    post(api, sent)
    response = post(api, full_event_of(make_website(user, "other.example"), id=ID))
    told = {"error": "CONFLICT", "message": "Event id already in use"}
    assert_answer(response, 409, told, REJECTED)
    assert stored() == [row(sent, website, id=ID)]


def test_without_an_id_every_request_stores_an_event(api, website):
    answers = [post(api, full_event_of(website)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    told = {answer.json()["id"] for answer in answers}
    assert {str(event["id"]) for event in stored()} == told
    assert len(told) == 3


# Fields that break rules


@pytest.mark.parametrize(
    ("field", "value", "messages"),
    [
        ("trackingCode", ABSENT, ["Required"]),
        ("trackingCode", None, ["Expected string, received null"]),
        ("trackingCode", 5, ["Expected string, received number"]),
        ("trackingCode", "", ["Tracking code is required", "Invalid tracking code format"]),
        ("trackingCode", "abc", ["Invalid tracking code format"]),
        ("trackingCode", " pm-abc", ["Invalid tracking code format"]),
        ("trackingCode", "PM-abc", ["Invalid tracking code format"]),
        ("trackingCode", "pm-" + "x" * 62, ["Invalid tracking code format"]),
        ("eventType", ABSENT, ["Required"]),
        ("eventType", 5, [f"Expected {TYPES}, received number"]),
        ("eventType", None, [f"Expected {TYPES}, received null"]),
        ("eventType", ["click"], [f"Expected {TYPES}, received array"]),
        ("eventType", "scroll", [f"Invalid enum value. Expected {TYPES}, received 'scroll'"]),
        ("eventType", "", [f"Invalid enum value. Expected {TYPES}, received ''"]),
        ("eventType", "Click", [f"Invalid enum value. Expected {TYPES}, received 'Click'"]),
        (
            "eventType",
            "é{0}" * 17,
            [f"Invalid enum value. Expected {TYPES}, received '{'é{0}' * 16}'"],
        ),
        ("url", ABSENT, ["Required"]),
        ("url", None, ["Expected string, received null"]),
        ("url", {}, ["Expected string, received object"]),
        ("url", "", ["Invalid URL", "URL is required"]),
        ("url", "javascript:alert(1)", ["Invalid URL"]),
        ("url", "ftp://x", ["Invalid URL"]),
        ("url", "/path", ["Invalid URL"]),
        ("url", "//example.com", ["Invalid URL"]),
        ("url", "https://", ["Invalid URL"]),
        ("url", "http://[::1", ["Invalid URL"]),
        ("url", "https://exa mple.com/", ["Invalid URL"]),
        ("url", "http://example.com:99999/", ["Invalid URL"]),
        ("url", "http://example.com/\n", ["Invalid URL"]),
        ("url", "http://example.com/" + "x" * 2030, ["URL too long"]),  # 2049 characters
        ("url", "x" * 2049, ["URL too long"]),
        ("referrer", 5, ["Expected string, received number"]),
        ("referrer", "", ["Invalid referrer URL"]),
        ("referrer", "android-app://x", ["Invalid referrer URL"]),
        ("referrer", "http://google.com/" + "x" * 2031, ["Referrer URL too long"]),
        ("sessionId", ABSENT, ["Required"]),
        ("sessionId", None, ["Expected string, received null"]),
        ("sessionId", True, ["Expected string, received boolean"]),
        ("sessionId", "", ["Session ID is required"]),
        ("sessionId", "x" * 256, ["Session ID too long"]),
        ("visitorId", ABSENT, ["Required"]),
        ("visitorId", 1.5, ["Expected string, received number"]),
        ("visitorId", "", ["Visitor ID is required"]),
        ("visitorId", "é" * 256, ["Visitor ID too long"]),
        ("deviceType", "tv", [f"Invalid enum value. Expected {DEVICES}, received 'tv'"]),
        ("deviceType", "", [f"Invalid enum value. Expected {DEVICES}, received ''"]),
        ("deviceType", 5, [f"Expected {DEVICES}, received number"]),
        ("deviceType", False, [f"Expected {DEVICES}, received boolean"]),
        ("browser", 5, ["Expected string, received number"]),
        ("browser", "x" * 101, ["Browser name too long"]),
        ("os", [], ["Expected string, received array"]),
        ("os", "x" * 101, ["OS name too long"]),
        ("location", {}, ["Expected string, received object"]),
        ("location", "é" * 101, ["Location too long"]),
        ("timestamp", "2026-01-28T20:00:00Z", ["Expected number, received string"]),
        ("timestamp", None, ["Expected number, received null"]),
        ("timestamp", True, ["Expected number, received boolean"]),
        ("timestamp", 1_706_425_600, [OUT_OF_RANGE]),
        ("timestamp", -1, [OUT_OF_RANGE]),
        ("timestamp", 0, [OUT_OF_RANGE]),
        ("timestamp", 1e300, [OUT_OF_RANGE]),
        ("timestamp", 10**400, [OUT_OF_RANGE]),
        ("timestamp", EARLIEST_MS - 1, [OUT_OF_RANGE]),
        ("timestamp", EARLIEST_MS - 0.5, [OUT_OF_RANGE]),
        ("timestamp", NOW_MS + DAY_MS + 1, [OUT_OF_RANGE]),
        ("timestamp", NOW_MS + 25 * 3_600_000, [OUT_OF_RANGE]),
        ("properties", "x", ["Expected object, received string"]),
        ("properties", [], ["Expected object, received array"]),
        ("properties", 5, ["Expected object, received number"]),
        ("properties", {"a": "x" * 9993}, ["Properties exceed 10000 bytes"]),
        ("id", None, ["Expected string, received null"]),
        ("id", 5, ["Expected string, received number"]),
        ("id", "1", ["Invalid uuid"]),
        ("id", "", ["Invalid uuid"]),
        ("id", "6fa459ea-ee8a-4ca4-894e-db77e160355e", ["Invalid uuid"]),
        ("id", ID.replace("-", ""), ["Invalid uuid"]),
        ("id", f"{{{ID}}}", ["Invalid uuid"]),
        ("id", f"urn:uuid:{ID}", ["Invalid uuid"]),
        ("id", f"{ID}\n", ["Invalid uuid"]),
        ("id", ID.replace("0", "\u0660"), ["Invalid uuid"]),  # Arabic digits
        ("id", "00000000-0001-7000-8000-000000000000", [OUT_OF_RANGE]),
        ("id", "014aa2ca-afff-7000-8000-000000000000", [OUT_OF_RANGE]),
        ("id", "01a31d82-ac7c-7000-8000-000000000000", [OUT_OF_RANGE]),
    ],
)
def test_a_field_lists_the_rules_that_it_breaks(api, website, clock, field, value, messages):
    sent = event_of(website) | {field: value}
    if value is ABSENT:
        del sent[field]
    assert_refused_event(post(api, sent), 400, invalid(fields={field: messages}))


@pytest.mark.parametrize(
    ("timestamp", "messages"),
    [
        (AT_MS + 1, ["Timestamp does not match id"]),
        (AT_MS - 0.5, ["Timestamp does not match id"]),
        (0, [OUT_OF_RANGE, "Timestamp does not match id"]),
        ("x", ["Expected number, received string"]),
    ],
)
def test_a_timestamp_must_be_the_time_in_the_id(api, website, timestamp, messages):
    response = post(api, event_of(website, id=ID, timestamp=timestamp))
    assert_refused_event(response, 400, invalid(fields={"timestamp": messages}))


def test_every_bad_field_is_told(api, website):
    response = post(api, event_of(website, url="", eventType=None, os=5, sessionId="x" * 256))
    fields = {
        "eventType": [f"Expected {TYPES}, received null"],
        "url": ["Invalid URL", "URL is required"],
        "sessionId": ["Session ID too long"],
        "os": ["Expected string, received number"],
    }
    assert_refused_event(response, 400, invalid(fields=fields))


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_empty_body_lacks_what_is_required(api, website, body):
    required = ("trackingCode", "eventType", "url", "sessionId", "visitorId")
    told = invalid(fields={name: ["Required"] for name in required})
    assert_refused_event(post_bytes(api, body), 400, told)


# Websites


@pytest.mark.parametrize(
    "code", ["pm-nobody", "pm-", "pm-%00", "pm-\U0010ffff", "pm-" + "x" * 61, "pm-' OR 1=1 --"]
)
def test_a_code_that_no_website_has_is_not_found(api, website, code):
    assert_refused_event(post(api, event_of(website, trackingCode=code)), 404, NO_SITE)


def test_an_inactive_website_is_not_found(api, website):
    website.change(is_active=False)
    assert_refused_event(post(api, event_of(website)), 404, NO_SITE)


@pytest.mark.parametrize("end", [lambda site: site.change(is_active=False), lambda s: s.delete()])
def test_a_website_that_took_events_until_now_is_not_found_any_more(api, website, end):
    sent = event_of(website, id=ID)
    post(api, sent)
    end(website)
    assert_answer(post(api, sent), 404, NO_SITE, REJECTED)
    assert len(stored()) == 1


def test_a_website_is_found_as_soon_as_it_is_active(api, website):
    website.change(is_active=False)
    post(api, event_of(website))
    website.change(is_active=True)
    assert post(api, event_of(website)).status_code == 201


# Methods, paths and headers


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "JSON", "X"])
def test_another_method_is_refused(api, website, method):
    response = api.generic(method, PATH, json.dumps(event_of(website)), "application/json")
    told = {"error": "METHOD_NOT_ALLOWED", "message": "Method not allowed"}
    assert_answer(response, 405, told, METHODS)
    assert stored() == []


@pytest.mark.parametrize(
    "path", ["/api/v1/events/", "/API/V1/EVENTS", "//api/v1/events", "/api/v2/events", "/nothing"]
)
def test_another_path_is_unknown(api, website, path):
    response = post(api, event_of(website), PATH_INFO=path)
    assert (response.status_code, response.json()) == (404, NO_ROUTE)
    assert response["Content-Type"] == "application/json"
    assert "X-Event-Outcome" not in response
    assert stored() == []


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"Accept": "text/html"}),
        ("", {"Accept": "application/xml"}),
        ("?format=xml", {}),
        ("?format=api", {}),
        ("", {"X-HTTP-Method-Override": "DELETE"}),
    ],
)
def test_the_answer_is_json_whatever_is_wished(api, website, query, headers):
    sent = full_event_of(website)
    response = post(api, sent, PATH + query, headers=headers)
    id = response.json()["id"]
    assert_answer(response, 201, shown(sent, website, id=id), STORED)


def test_a_host_that_is_not_served_is_refused(api, website):
    response = post(api, event_of(website), headers={"Host": "evil.example"})
    told = {"error": "BAD_REQUEST", "message": "Bad request"}
    assert_refused_event(response, 400, told)


def test_the_id_of_a_request_is_the_servers_own(api, website):
    answers = [
        post(api, event_of(website), headers={"X-Request-Id": "chosen-by-client"}) for _ in "ab"
    ]
    first, second = (UUID(answer["X-Request-Id"]) for answer in answers)
    assert first != second


# Bodies


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "APPLICATION/JSON ; charset=latin1"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "text/plain;charset=UTF-8"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "identity"},
    ],
)
def test_json_is_read_as_utf_8_under_these_types(api, website, headers):
    sent = full_event_of(website, location="Köln")
    body = json.dumps(sent, ensure_ascii=False).encode()
    response = post_bytes(api, body, content_type=headers["Content-Type"], headers=headers)
    id = response.json()["id"]
    assert_answer(response, 201, shown(sent, website, id=id), STORED)
    assert stored() == [row(sent, website, id=id)]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "text/html"},
        {"Content-Type": "nonsense"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "text/plain", "Content-Encoding": "br"},
    ],
)
def test_another_type_or_encoding_is_not_read(api, website, headers):
    body = json.dumps(event_of(website)).encode()
    response = post_bytes(api, body, content_type=headers["Content-Type"], headers=headers)
    assert_refused_event(response, 415, WRONG_TYPE)


def test_a_byte_order_mark_is_skipped(api, website):
    body = json.dumps(event_of(website)).encode("utf-8-sig")
    assert post_bytes(api, body).status_code == 201
    assert len(stored()) == 1


@pytest.mark.parametrize(("size", "status"), [(1_048_575, 201), (1_048_576, 201), (1_048_577, 413)])
def test_a_body_may_have_a_mebibyte(api, website, size, status):
    body = filled_to(size, event_of(website))
    assert len(body) == size
    response = post_bytes(api, body)
    assert response.status_code == status
    assert len(stored()) == (status == 201)


def test_a_content_length_over_the_limit_is_refused_unread(api, website):
    stream = Stream(filled_to(1_048_577, event_of(website)))
    environ = {"CONTENT_LENGTH": "1048577", "wsgi.input": stream}
    response = api.generic("POST", PATH, content_type="application/json", **environ)
    assert_refused_event(response, 413, TOO_LARGE)
    assert stream.taken == 0


@pytest.mark.parametrize("size", [200, 1_048_576])
def test_a_body_without_a_length_is_read(api, website, size):
    sent = event_of(website, timestamp=AT_MS)
    response = post_chunked(api, Stream(filled_to(size, sent)))
    id = response.json()["id"]
    assert_answer(response, 201, shown(sent, website, id=id), STORED)
    assert stored() == [row(sent, website, id=id)]


@pytest.mark.parametrize("size", [1_048_577, 5_242_880])
def test_a_body_without_a_length_is_read_no_further_than_the_limit(api, website, size):
    stream = Stream(filled_to(size, event_of(website)))
    assert_refused_event(post_chunked(api, stream), 413, TOO_LARGE)
    assert stream.taken == 1_048_577


# What is checked first


@pytest.mark.parametrize(
    ("method", "body", "content_type", "status"),
    [
        ("PUT", b"x" * 1_048_577, "text/html", 405),
        ("POST", b"x" * 1_048_577, "text/html", 413),
        ("POST", b"{", "text/html", 415),
        ("POST", b"{", "application/json", 400),
        ("POST", b'{"trackingCode": "pm-nobody"}', "application/json", 400),
    ],
)
def test_checks_come_in_their_order(api, website, method, body, content_type, status):
    assert api.generic(method, PATH, body, content_type).status_code == status
    assert stored() == []


def test_the_website_comes_before_the_duplicate(api, website):
    post(api, event_of(website, id=ID))
    response = post(api, event_of(website, id=ID, trackingCode="pm-nobody"))
    assert_answer(response, 404, NO_SITE, REJECTED)


# When storage fails


def test_without_the_analytics_database_storage_is_unavailable(api, website, monkeypatch):
    def refuse(rows):
        raise OperationalError("the analytics database is away")

    monkeypatch.setattr(commit, "copy_rows", refuse)
    assert_answer(post(api, event_of(website)), 503, UNAVAILABLE, WRITE_FAILED)
    monkeypatch.undo()
    assert stored() == []


def test_a_known_website_takes_events_without_the_main_database(api, website, request):
    post(api, event_of(website))
    request.getfixturevalue("main_database_away")
    sent = event_of(website, timestamp=AT_MS)
    response = post(api, sent)
    id = response.json()["id"]
    assert_answer(response, 201, shown(sent, website, id=id), STORED)
    assert len(stored()) == 2


def test_another_website_takes_none_without_the_main_database(api, website, request):
    request.getfixturevalue("main_database_away")
    assert_answer(post(api, event_of(website)), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored() == []


def test_a_crash_is_told_without_its_reason_and_logged(api, website, monkeypatch, caplog):
    def crash(*rows):
        raise RuntimeError("a secret")

    monkeypatch.setattr("analytics.events.api.store", crash)
    with caplog.at_level(logging.ERROR):
        response = post(api, event_of(website))
    assert_answer(response, 500, FAILED, WRITE_FAILED)
    [record] = [each for each in caplog.records if each.name == "config.api.view"]
    assert record.exc_info
    assert str(record.exc_info[1]) == "a secret"
    assert stored() == []


def test_a_row_that_the_database_refuses_is_a_failure_of_its_own(api, website):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_event ADD CHECK (session_id <> 'refused') NOT VALID")
    assert_answer(post(api, event_of(website, sessionId="refused")), 500, FAILED, WRITE_FAILED)
    assert post(api, event_of(website)).status_code == 201
    assert [event["session_id"] for event in stored()] == ["sess-1"]


def test_an_old_event_is_stored_under_its_own_time(api, website):
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=89)
    post(api, event_of(website, timestamp=uuid7.to_ms(at)))
    assert [event["created_at"] for event in stored()] == [at]
