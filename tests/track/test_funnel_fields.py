"""POST /api/v1/analytics/track: invalid fields, the kill switch and the cap on properties"""

import json

import pytest

from config.models import RuntimeSettings
from tests.support.bodies import properties_of_size
from tests.support.funnel import (
    FULL_EVENT,
    KILL_SWITCH,
    PATH,
    STORED,
    TRACKED,
    assert_invalid,
    assert_track_error,
    stored_rows,
    tracked_total,
)
from tests.support.responses import assert_response
from tests.support.runtime_settings import OFF, change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

BAD_TOKEN = (401, "AUTH_UNAUTHORIZED", "Invalid or expired token", "auth.unauthorized")
INVALID_DATA = (
    *(400, "ANALYTICS_EVENT_INVALID_DATA", "Event data is invalid or too large"),
    "analytics.event.invalid_data",
)
FINITE = "Numbers must be finite and in range"
NULS = "NUL characters are not allowed"
DEEP = "JSON must not be nested deeper than 64 levels"


# Invalid fields


@pytest.mark.parametrize("value", [5, None, ["a"], {}, True])
def test_the_event_must_be_a_string(api, token, value):
    assert_invalid(
        api.post(PATH, FULL_EVENT | {"event": value}, token=token), "event must be a string"
    )


@pytest.mark.parametrize("name", ["sessionId", "deviceType", "locale"])
@pytest.mark.parametrize("value", [5, ["a"], {}, False])
def test_texts_must_be_strings(api, token, name, value):
    assert_invalid(
        api.post(PATH, FULL_EVENT | {name: value}, token=token), f"{name} must be a string"
    )


@pytest.mark.parametrize("value", [[], "x", "{}", 5, True])
def test_properties_must_be_an_object(api, token, value):
    response = api.post(PATH, FULL_EVENT | {"properties": value}, token=token)
    assert_invalid(response, "properties must be an object")


def test_invalid_fields_are_reported_in_the_order_of_the_contract(api, token):
    wrong = {"properties": [], "locale": 1, "deviceType": 2, "sessionId": 3}
    texts = [f"{name} must be a string" for name in ("event", "sessionId", "deviceType", "locale")]
    assert_invalid(api.post(PATH, wrong, token=token), *texts, "properties must be an object")


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_empty_body_lacks_the_event(api, token, body):
    assert_invalid(api.post_bytes(PATH, body, token=token), "event must be a string")


@pytest.mark.parametrize("body", [b"[1]", b"null", b'"x"', b"5", b"true"])
def test_the_body_must_be_an_object(api, token, body):
    assert_invalid(api.post_bytes(PATH, body, token=token), "body must be an object")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b" ", "Invalid JSON"),
        (b'{"event": ', "Invalid JSON"),
        (b"{'a':1}", "Invalid JSON"),
        (b'{"a":1} x', "Invalid JSON"),
        (b'{"a":1,}', "Invalid JSON"),
        (b'{"event":"a","x":NaN}', FINITE),
        (b'{"event":"a","properties":{"x":-Infinity}}', FINITE),
        (b'{"event":"a","properties":{"x":1e400}}', FINITE),
        (b'{"event":"a","x":%s}' % (b"9" * 5000), FINITE),
        (b'{"event":"\xff"}', "Invalid UTF-8"),
        ('{"event":"a"}'.encode("utf-16"), "Invalid UTF-8"),
        (rb'{"event":"\u0000"}', NULS),
        (rb'{"event":"a","\u0000":1}', NULS),
        (b'{"event":"a","x":%s%s}' % (b"[" * 64, b"]" * 64), DEEP),
        (b"[" * 100_000, DEEP),
    ],
    ids=lambda value: str(value)[:40],
)
def test_invalid_json_is_reported(api, token, body, sentence):
    assert_invalid(api.post_bytes(PATH, body, token=token), sentence)


def test_the_deepest_json_is_accepted(tracked):
    body = b'{"event":"a","x":%s%s}' % (b"[" * 63, b"]" * 63)
    assert tracked(body) == [None, "a", {}]


# The kill switch


@pytest.mark.parametrize("text", OFF)
def test_while_the_switch_is_off_nothing_is_stored(api, token, text):
    before = tracked_total()
    change_settings(tracking_enabled=text)
    assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, KILL_SWITCH)
    assert (stored_rows(), tracked_total()) == ([], before)


def test_while_the_switch_is_off_the_size_does_not_matter(api, token):
    oversized = {"event": "a", "properties": {"a": "x" * 10_000}}
    assert_track_error(
        api.post(PATH, oversized, token=token), *INVALID_DATA, variables={"max": 10_000}
    )
    change_settings(tracking_enabled="false")
    assert_response(api.post(PATH, oversized, token=token), 200, TRACKED, KILL_SWITCH)
    assert stored_rows() == []


def test_while_the_switch_is_off_fields_are_checked(api, token):
    change_settings(tracking_enabled="false")
    assert_invalid(
        api.post(PATH, {"properties": []}, token=token),
        *(
            "event must be a string",
            "properties must be an object",
        ),
    )
    assert_track_error(api.post(PATH, FULL_EVENT, token="junk"), *BAD_TOKEN)


def test_the_switch_takes_effect_within_two_seconds(api, token, clock):
    assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, STORED)
    RuntimeSettings.load().change({"tracking_enabled": "false"}, changed_by="staff@example.com")
    clock.move(seconds=2)
    assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, KILL_SWITCH)


def test_other_switches_do_not_matter(api, token):
    others = ("events", "activity", "platform", "collect")
    change_settings(**{f"{name}_enabled": "false" for name in others}, public_event_reads="false")
    assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, STORED)


# The cap on properties


@pytest.mark.parametrize("cap", [None, 10, 101, 20_000])
@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_properties_of_exactly_the_cap_pass(api, user, token, cap, more, ensure_ascii):
    if cap:
        change_settings(max_event_data_bytes=cap)
    value = properties_of_size((cap or 10_000) + more)
    body = json.dumps({"event": "a", "properties": value}, ensure_ascii=ensure_ascii, indent=4)
    response = api.post_bytes(PATH, body, token=token)
    if more <= 0:
        assert_response(response, 200, TRACKED, STORED)
        assert stored_rows() == [(user.id, None, "a", value)]
    else:
        assert_track_error(response, *INVALID_DATA, variables={"max": cap or 10_000})
        assert stored_rows() == []


@pytest.mark.parametrize("properties", [{"a": "é" * 5000}, {f"k{n}": n for n in range(50_000)}])
def test_properties_over_the_cap_are_rejected(api, token, properties):
    response = api.post(PATH, {"event": "a", "properties": properties}, token=token)
    assert_track_error(response, *INVALID_DATA, variables={"max": 10_000})
    assert stored_rows() == []


@pytest.mark.parametrize("body", [{"event": "a"}, {"event": "a", "properties": None}])
def test_no_properties_are_the_smallest_ones(tracked, body):
    change_settings(max_event_data_bytes=2)
    assert tracked(body) == [None, "a", {}]


def test_the_cap_takes_effect_within_two_seconds(api, token, clock):
    body = {"event": "a", "properties": properties_of_size(101)}
    assert_response(api.post(PATH, body, token=token), 200, TRACKED, STORED)
    RuntimeSettings.load().change({"max_event_data_bytes": 100}, changed_by="staff@example.com")
    clock.move(seconds=2)
    assert_track_error(api.post(PATH, body, token=token), *INVALID_DATA, variables={"max": 100})
