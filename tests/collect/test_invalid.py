"""POST /api/analytics/collect: invalid fields, bodies, methods and paths"""

import json

import pytest

from tests.support.collect import EVENT, PATH, assert_error, assert_stored
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

EVENT_BYTES = json.dumps(EVENT).encode()
BAD_TYPE = "Must be 1 to 64 letters, digits, _ . - $ : / or single blanks"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"event_type": ...}, "event_type is required", "Required"),
        ({"event_type": 5}, "event_type must be a string", "Expected string, received number"),
        ({"event_type": None}, "event_type must be a string", "Expected string, received null"),
        ({"event_data": ...}, "event_data is required", "Required"),
        ({"event_data": "{}"}, "event_data must be an object", "Expected object, received string"),
        ({"event_data": []}, "event_data must be an object", "Expected object, received array"),
        ({"event_data": None}, "event_data must be an object", "Expected object, received null"),
        ({"event_data": True}, "event_data must be an object", "Expected object, received boolean"),
        ({"event_data": {"a": "é" * 4996 + "x"}}, "event_data is too large", "Exceeds 10000 bytes"),
        (
            {"event_data": {f"k{n}": 0 for n in range(50_000)}},
            "event_data is too large",
            "Exceeds 10000 bytes",
        ),
        ({"timestamp": 5}, "timestamp must be a string", "Expected string, received number"),
        ({"timestamp": {}}, "timestamp must be a string", "Expected string, received object"),
    ],
)
def test_an_invalid_field_is_reported(browser, change, error, message):
    sent = {name: value for name, value in (EVENT | change).items() if value is not ...}
    [field] = change
    assert_error(browser.post(PATH, sent), 400, error, details=[(field, message)])
    assert_stored(browser.post(PATH, EVENT))


@pytest.mark.parametrize(
    "type",
    [
        *("a\n", "", " ", "a" * 65, "é" * 65, "<script>", " a", "a ", "a  b", "a\tb", "a\u00a0b"),
        *("a\u2003b", "a\u3000b", "a\u200bb", "\ufeffa", "\U0001f600", "a,b", "a+b", "a=b", "a@b"),
        *("½", "²", "Ⅷ", "€", "a\u2013b", "a·b", "«a»", "a\\b", "a|b", "a#b", "a%20b", "\u202ea"),
        *("\ue000", "\uffff", "\x7f", "\x85", "a\u2028b"),
    ],
)
def test_a_malformed_type_is_reported(browser, type):
    details = [("event_type", BAD_TYPE)]
    response = browser.post(PATH, EVENT | {"event_type": type})
    assert_error(response, 400, "event_type is invalid", details=details)


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "", " ", "2026", "2026-01", "20260128", "2026-1-28", "2026-W05-3"),
        *("2026-02-29", "2026-13-01", "2026-01-32", "0000-00-01", "2026-01-28Z"),
        *("2026-01-28T20:00:61Z", "2026-01-28T24:00:00Z", "2026-01-28T20:60Z", "2026-01-28T20Z"),
        *("2026-01-28  20:00Z", "2026-01-28\t20:00Z", "2026-01-28T200000Z", "2026-01-28T20:60:60Z"),
        *("2026-01-28T20:00:00.Z", "2026-01-28T20:00:00,5Z", "2026-01-28T20:00.5Z"),
        *("2026-01-28T20:00:00+01", "2026-01-28T20:00+24:00", "2026-01-28 20:00 +0100"),
        *("1769630400", "1769630400123", "1769630400.5", "+1769630400", "١٧٦٩٦٣٠٤٠٠"),
        *("2026-01-28T20:00+01:60", "2026-01-28T20:00:00Z\n", "2026-01-28T20:00:00+01:00:30"),
        "2026-01-2\u0668",
    ],
)
def test_invalid_times_are_reported(browser, text):
    response = browser.post(PATH, EVENT | {"timestamp": text})
    details = [("timestamp", "Invalid ISO 8601 date-time")]
    assert_error(response, 400, "timestamp is invalid", details=details)


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00+23:59",
        "2014-12-31T23:59:59.999Z",
        "2015-01-01T00:59+01:00",
        "1969-12-31",
        "0000-02-29",
    ],
)
def test_times_out_of_range_are_rejected(browser, text):
    response = browser.post(PATH, EVENT | {"timestamp": text})
    details = [("timestamp", "Timestamp out of range")]
    assert_error(response, 400, "timestamp is out of range", details=details)


def test_all_invalid_fields_are_reported_in_order(browser):
    bad = {"timestamp": 5, "event_data": [], "event_type": ""}
    details = [
        ("event_type", BAD_TYPE),
        ("event_data", "Expected object, received array"),
        ("timestamp", "Expected string, received number"),
    ]
    assert_error(browser.post(PATH, bad), 400, "event_type is invalid", details=details)


def test_an_empty_body_lacks_both(browser):
    details = [("event_type", "Required"), ("event_data", "Required")]
    assert_error(browser.post_bytes(PATH, b""), 400, "event_type is required", details=details)


@pytest.mark.parametrize("body", [b"null", b"5", b'"x"', b"true"])
def test_a_body_that_is_no_object_is_rejected(browser, body):
    error = "Request body must be an object"
    assert_error(browser.post_bytes(PATH, body), 400, error, details=[])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"event": ', "Invalid JSON"),
        (b"{'a':1}", "Invalid JSON"),
        (b'{"a":1} x', "Invalid JSON"),
        (b'{"a":1,}', "Invalid JSON"),
        (b" ", "Invalid JSON"),
        (b'{"a":NaN}', "Numbers must be finite and in range"),
        (b'{"a":1e400}', "Numbers must be finite and in range"),
        (b'{"a":' + b"9" * 5000 + b"}", "Numbers must be finite and in range"),
        (b'{"a":"\xff"}', "Invalid UTF-8"),
        (json.dumps(EVENT).encode("utf-16"), "Invalid UTF-8"),
        (b'{"ignored":"\\u0000"}', "NUL characters are not allowed"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "JSON must not be nested deeper than 64 levels"),
        (b"[" * 100_000, "JSON must not be nested deeper than 64 levels"),
    ],
)
def test_invalid_json_is_reported_with_its_reason(browser, body, sentence):
    assert_error(browser.post_bytes(PATH, body), 400, sentence, details=[])


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/x-www-form-urlencoded", {}),
        ("multipart/form-data; boundary=x", {}),
        ("text/plain", {}),
        ("application/json", {"Content-Encoding": "gzip"}),
    ],
)
def test_other_types_are_rejected(browser, content_type, headers):
    response = browser.post_bytes(PATH, EVENT_BYTES, content_type, headers=headers)
    assert_error(response, 415, "Unsupported media type")


def test_too_large_a_body_is_rejected_unread(browser):
    response = browser.post_bytes(PATH, b"x" * 4_194_305, "text/html")
    assert_error(response, 413, "Request body is too large")


def test_other_methods_are_rejected_before_anything_else(api):
    for method in ("get", "put", "patch", "delete", "head"):
        response = getattr(api, method)(PATH, headers={"Origin": "https://evil.example"})
        assert response.status_code == 405
        assert (response["Allow"], "X-Event-Outcome" in response) == ("POST", False)
    body = {"success": False, "error": "Method not allowed"}
    assert_response(api.get(PATH), 405, body, {"Allow": "POST"})
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert_response(api.options(PATH, headers=preflight), 405, body, {"Allow": "POST"})


def test_a_host_that_is_not_served_is_rejected_in_the_dialect(browser):
    response = browser.post(PATH, EVENT, HTTP_HOST="evil.example")
    assert (response.status_code, response.json()) == (
        400,
        {"success": False, "error": "Bad request"},
    )


def test_a_slash_at_the_end_is_another_path(browser):
    response = browser.post(f"{PATH}/", EVENT)
    assert_response(response, 404, {"error": "NOT_FOUND", "message": "Route not found"})
