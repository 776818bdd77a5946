"""Validation errors of the platform API"""

import json

import pytest

from tests.support.platform import (
    BATCH_PATH,
    CATEGORIES,
    MINIMAL_EVENT,
    PATH,
    PRIORITIES,
    assert_invalid,
    assert_tracked,
    batch_of,
    error_item,
    json_invalid_item,
    missing_item,
    stored_rows,
    value_error_item,
)
from tests.support.runtime_settings import change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NO_STRING = ("string_type", "Input should be a valid string")
NO_OBJECT = ("dict_type", "Input should be a valid dictionary")
NO_TIME = ("datetime_type", "Input should be a valid datetime")
NO_EVENT = (
    "model_attributes_type",
    "Input should be a valid dictionary or object to extract fields from",
)
NO_LIST = ("list_type", "Input should be a valid list")


def enum(field, expected, input, *outer):
    """Return the error item of a text that is not one of the choices."""
    message = f"Input should be {expected}"
    return error_item("enum", [*outer, field], message, input, {"expected": expected})


def too_short(*loc):
    message = "String should have at least 1 character"
    return error_item("string_too_short", loc, message, "", {"min_length": 1})


def too_long(input, *loc):
    message = "String should have at most 100 characters"
    return error_item("string_too_long", loc, message, input, {"max_length": 100})


def of_type(kind, input, *loc):
    type, message = kind
    return error_item(type, loc, message, input)


def of_length(type, bound, limit, actual, *, input):
    """Return the error item of a batch of the wrong length."""
    unit = "item" if limit == 1 else "items"
    side = "at least" if bound == "min_length" else "at most"
    message = f"List should have {side} {limit} {unit} after validation, not {actual}"
    context = {"field_type": "List", bound: limit, "actual_length": actual}
    return error_item(type, ["events"], message, input, context)


@pytest.fixture(params=[PATH, BATCH_PATH])
def refuse_field(request, api, token):
    """Send one event, alone or as the second of three, and demand these items of it."""

    def refuse(body, *items):
        if request.param == PATH:
            return assert_invalid(api.post(PATH, body, token=token), *items)
        response = api.post(BATCH_PATH, batch_of(MINIMAL_EVENT, body, MINIMAL_EVENT), token=token)
        inside = [item | {"loc": ["body", "events", 1, *item["loc"][1:]]} for item in items]
        return assert_invalid(response, *inside)

    return refuse


def test_a_name_is_required(refuse_field):
    refuse_field({"category": "auth"}, missing_item("event_name", input={"category": "auth"}))


def test_a_name_has_1_to_100_characters(refuse_field):
    refuse_field({"event_name": ""}, too_short("event_name"))
    refuse_field({"event_name": "é" * 101}, too_long("é" * 101, "event_name"))


@pytest.mark.parametrize("value", [None, 5, 1.5, True, [], {"a": "b"}])
def test_a_name_is_a_text(refuse_field, value):
    refuse_field({"event_name": value}, of_type(NO_STRING, value, "event_name"))


@pytest.mark.parametrize("field", ["session_id", "page_url", "referrer", "user_agent"])
@pytest.mark.parametrize("value", [5, False, ["x"], {}])
def test_texts_are_texts(refuse_field, field, value):
    refuse_field(MINIMAL_EVENT | {field: value}, of_type(NO_STRING, value, field))


@pytest.mark.parametrize("value", [None, "PAGE_VIEW", "trading ", "", 5, True, ["trading"], {}])
def test_a_category_is_one_of_eight(refuse_field, value):
    refuse_field(MINIMAL_EVENT | {"category": value}, enum("category", CATEGORIES, value))


@pytest.mark.parametrize("value", [None, "High", "urgent", 0, []])
def test_a_priority_is_one_of_four(refuse_field, value):
    refuse_field(MINIMAL_EVENT | {"priority": value}, enum("priority", PRIORITIES, value))


@pytest.mark.parametrize("value", [None, [], "{}", 5, False])
def test_properties_are_an_object(refuse_field, value):
    refuse_field(MINIMAL_EVENT | {"properties": value}, of_type(NO_OBJECT, value, "properties"))


@pytest.mark.parametrize("value", [True, False, [], [1], {}, {"at": 1}])
def test_a_timestamp_is_a_text_or_a_number(refuse_field, value):
    refuse_field(MINIMAL_EVENT | {"timestamp": value}, of_type(NO_TIME, value, "timestamp"))


def test_all_errors_are_reported_in_the_order_of_fields(refuse_field):
    sent = {
        "user_agent": 1,
        "timestamp": -1,
        "properties": [],
        "priority": None,
        "category": "x",
        "page_url": {},
    }
    refuse_field(
        sent,
        missing_item("event_name", input=sent),
        enum("category", CATEGORIES, "x"),
        enum("priority", PRIORITIES, None),
        of_type(NO_OBJECT, [], "properties"),
        value_error_item("Timestamp out of range", "timestamp", input=-1),
        of_type(NO_STRING, {}, "page_url"),
        of_type(NO_STRING, 1, "user_agent"),
    )


# Sizes


def properties_of(size, letter="x"):
    """Return properties of a size in bytes of compact JSON."""
    return {"a": letter * ((size - len('{"a":""}')) // len(letter.encode()))}


@pytest.mark.parametrize("letter", ["x", "é"])
def test_properties_may_have_10000_bytes(api, token, refuse_field, letter):
    fits = properties_of(10_000, letter)
    over = {"a": fits["a"] + "x"}
    result = value_error_item("Properties exceed 10000 bytes", "properties", input=None)
    refuse_field(MINIMAL_EVENT | {"properties": over}, result)
    assert_tracked(api.post(PATH, MINIMAL_EVENT | {"properties": fits}, token=token))
    assert stored_rows()[0]["properties"] == fits


def test_many_small_keys_are_too_many_bytes(refuse_field):
    result = value_error_item("Properties exceed 10000 bytes", "properties", input=None)
    refuse_field(MINIMAL_EVENT | {"properties": {f"k{n}": n for n in range(50_000)}}, result)


def test_the_cap_is_the_one_in_force(api, token, refuse_field):
    change_settings(max_event_data_bytes=8)
    over = {"a": "x"}
    result = value_error_item("Properties exceed 8 bytes", "properties", input=over)
    refuse_field(MINIMAL_EVENT | {"properties": over}, result)
    assert_tracked(api.post(PATH, MINIMAL_EVENT | {"properties": {"a": ""}}, token=token))


@pytest.mark.parametrize(("size", "is_shown"), [(1024, True), (1025, False)])
def test_an_invalid_value_over_1024_bytes_is_echoed_as_null(refuse_field, size, is_shown):
    name = "x" * (size - 2)  # and the quotes
    refuse_field({"event_name": name}, too_long(name if is_shown else None, "event_name"))
    value = "é" * ((size - 2) // 2) + "x" * (size % 2)
    result = enum("category", CATEGORIES, value if is_shown else None)
    refuse_field(MINIMAL_EVENT | {"category": value}, result)


# Bodies that are no events


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
@pytest.mark.parametrize("body", [b"", b"null", b" null\n"])
def test_an_empty_body(api, token, path, body):
    assert_invalid(api.post_bytes(path, body, token=token), missing_item(input=None))


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
@pytest.mark.parametrize("value", [[1], [], "x", 5, True])
def test_a_body_that_is_no_object(api, token, path, value):
    response = api.post_bytes(path, json.dumps(value).encode(), token=token)
    assert_invalid(response, of_type(NO_EVENT, value))


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_an_item_that_is_no_object(api, token, value):
    response = api.post(BATCH_PATH, batch_of(MINIMAL_EVENT, value), token=token)
    assert_invalid(response, of_type(NO_EVENT, value, "events", 1))


@pytest.mark.parametrize("value", [None, {}, "x", 5])
def test_events_that_are_no_list(api, token, value):
    response = api.post(BATCH_PATH, {"events": value}, token=token)
    assert_invalid(response, of_type(NO_LIST, value, "events"))


def test_a_batch_without_events(api, token):
    response = api.post(BATCH_PATH, {"client_id": "x"}, token=token)
    assert_invalid(response, missing_item("events", input={"client_id": "x"}))
    result = of_length("too_short", "min_length", 1, 0, input=[])
    assert_invalid(api.post(BATCH_PATH, batch_of(), token=token), result)


@pytest.mark.parametrize(("item", "is_shown"), [({}, True), (MINIMAL_EVENT, False)])
def test_a_batch_of_101_events_is_not_read(api, token, item, is_shown):
    sent = [item] * 101
    result = of_length("too_long", "max_length", 100, 101, input=sent if is_shown else None)
    assert_invalid(api.post(BATCH_PATH, batch_of(*sent), token=token), result)


@pytest.mark.parametrize("value", [5, [], {}, True])
def test_a_client_id_is_a_text(api, token, value):
    response = api.post(BATCH_PATH, batch_of({"event_name": ""}, client_id=value), token=token)
    result = of_type(NO_STRING, value, "client_id")
    assert_invalid(response, too_short("events", 0, "event_name"), result)


def test_one_invalid_event_among_100_is_reported_by_its_index_and_nothing_is_stored(api, token):
    events = [MINIMAL_EVENT] * 98 + [{}, {"event_name": 5}]
    assert_invalid(
        api.post(BATCH_PATH, batch_of(*events), token=token),
        missing_item("events", 98, "event_name", input={}),
        of_type(NO_STRING, 5, "events", 99, "event_name"),
    )


# JSON


@pytest.mark.parametrize(
    ("body", "position"),
    [(b'{"event": ', 10), (b"{'a':1}", 1), (b'{"a":1} x', 8), (b" ", None), (b'{"a":1,}', None)],
)
@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_invalid_json_is_reported_with_its_position(api, token, path, body, position):
    response = api.post_bytes(path, body, token=token)
    [item] = response.json()["detail"]
    assert type(item["loc"][1]) is int
    if position is not None:
        assert item["loc"] == ["body", position]
    assert_invalid(response, json_invalid_item("Invalid JSON", item["loc"][1]))


NUMBERS = "Numbers must be finite and in range"
NUL = "NUL characters are not allowed"
DEEP = "JSON must not be nested deeper than 64 levels"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"NaN", NUMBERS),
        (b"[Infinity]", NUMBERS),
        (b"-Infinity", NUMBERS),
        (b"1e400", NUMBERS),
        (b"9" * 5000, NUMBERS),
        (b'"\xff"', "Invalid UTF-8"),
        (b'"\\u0000"', NUL),
        (b'{"\\u0000": 1}', NUL),
        (b"[" * 64 + b"]" * 64, DEEP),
        (b"[" * 100_000, DEEP),
    ],
)
@pytest.mark.parametrize("field", ["properties", "ignored", "event_name"])
def test_json_that_cannot_be_stored_is_reported_wherever_it_is(api, token, field, value, reason):
    body = b'{"event_name": "a", "' + field.encode() + b'": ' + value + b"}"
    assert_invalid(api.post_bytes(PATH, body, token=token), json_invalid_item(reason))
    body = b'{"events": [' + body + b"]}"
    assert_invalid(api.post_bytes(BATCH_PATH, body, token=token), json_invalid_item(reason))


def test_64_levels_are_stored(api, token):
    nested = b"[" * 62 + b"]" * 62
    body = b'{"event_name": "a", "properties": {"a": ' + nested + b"}}"
    assert_tracked(api.post_bytes(PATH, body, token=token))


def test_utf_16_is_no_utf_8(api, token):
    response = api.post_bytes(PATH, json.dumps(MINIMAL_EVENT).encode("utf-16"), token=token)
    assert_invalid(response, json_invalid_item("Invalid UTF-8"))
