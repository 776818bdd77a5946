"""POST /api/v1/events: invalid fields"""

import pytest

from tests.support.events import (
    AT_MS,
    DAY_MS,
    EARLIEST_MS,
    ID,
    NOW_MS,
    PATH,
    assert_rejected,
    event_of,
    validation_body,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

TYPES = "'pageview' | 'click' | 'custom'"
DEVICES = "'mobile' | 'tablet' | 'desktop'"
OUT_OF_RANGE = "Timestamp out of range"
ABSENT = object()


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
        ("url", "data://x", ["Invalid URL"]),
        ("url", "VBScript://x", ["Invalid URL"]),
        ("url", "blob:https://example.com/x", ["Invalid URL"]),
        ("url", "capacitor://", ["Invalid URL"]),
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
        ("referrer", " ", ["Invalid referrer URL"]),
        ("referrer", "not a url", ["Invalid referrer URL"]),
        ("referrer", "JavaScript://x", ["Invalid referrer URL"]),
        ("referrer", "example.com", ["Invalid referrer URL"]),
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
def test_a_field_lists_the_rules_that_it_breaks(api, website, now, field, value, messages):
    sent = event_of(website) | {field: value}
    if value is ABSENT:
        del sent[field]
    assert_rejected(api.post(PATH, sent), 400, validation_body(fields={field: messages}))


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
    response = api.post(PATH, event_of(website, id=ID, timestamp=timestamp))
    assert_rejected(response, 400, validation_body(fields={"timestamp": messages}))


def test_every_invalid_field_is_reported(api, website):
    response = api.post(PATH, event_of(website, url="", eventType=None, os=5, sessionId="x" * 256))
    fields = {
        "eventType": [f"Expected {TYPES}, received null"],
        "url": ["Invalid URL", "URL is required"],
        "sessionId": ["Session ID too long"],
        "os": ["Expected string, received number"],
    }
    assert_rejected(response, 400, validation_body(fields=fields))


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_empty_body_lacks_what_is_required(api, website, body):
    required = ("trackingCode", "eventType", "url", "sessionId", "visitorId")
    expected = validation_body(fields={name: ["Required"] for name in required})
    assert_rejected(api.post_bytes(PATH, body), 400, expected)
