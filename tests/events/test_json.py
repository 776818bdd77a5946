"""Extreme JSON in the events API, as a single event and as a batch"""

import json
import time

import pytest

from analytics.events.models import Event
from tests.support.events import BATCH_PATH, PATH, REJECTED, event_of, stored_rows, validation_body
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

UTF_8 = "Invalid UTF-8"
DEPTH = "JSON must not be nested deeper than 64 levels"
NOT_JSON = "Invalid JSON"
NUMBERS = "Numbers must be finite and in range"
NUL = "NUL characters are not allowed"


@pytest.fixture(params=["single", "batch"])
def send(request, api):
    """Post bytes to the API of single events, and to that of batches."""
    path = {"single": PATH, "batch": BATCH_PATH}[request.param]
    return lambda body: api.post_bytes(path, body)


@pytest.fixture
def with_value(request, website, send):
    """Post a good event whose `properties` are {"a": <these bytes>}."""
    event = json.dumps(event_of(website, properties={"a": "HERE"})).encode()
    if request.node.callspec.params["send"] == "batch":
        event = b'{"events": [%s]}' % event
    return lambda value: send(event.replace(b'"HERE"', value))


def assert_no_json(response, sentence):
    is_batch = response.request["PATH_INFO"] == BATCH_PATH
    message = "Invalid batch event data" if is_batch else "Invalid event data"
    body = validation_body(form=[sentence], message=message)
    assert_response(response, 400, body, REJECTED)
    assert not Event.objects.exists()


def nested(levels, opening=b"[", closing=b"]"):
    """Return a value of so many levels."""
    return opening * levels + b"1" * (opening[-1:] == b":") + closing * levels


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b" ", NOT_JSON),
        (b"\xef\xbb\xbf", NOT_JSON),
        (b'{"event": ', NOT_JSON),
        (b"{'a':1}", NOT_JSON),
        (b'{"a":1} x', NOT_JSON),
        (b'{"a":1}{"a":1}', NOT_JSON),
        (b'{"a":1,}', NOT_JSON),
        (b"undefined", NOT_JSON),
        (b'{"a":"\x00"}', NOT_JSON),
        (b'{"a":"\n"}', NOT_JSON),
        (b'{"a":01}', NOT_JSON),
        (b'{"a":NaN', NOT_JSON),
        (b'{"a":"\\u0000"', NOT_JSON),
        (b"[1]", "Expected object, received array"),
        (b"null", "Expected object, received null"),
        (b"true", "Expected object, received boolean"),
        (b'"x"', "Expected object, received string"),
        (b"1.5", "Expected object, received number"),
        (b"NaN", NUMBERS),
        (b'"\\u0000"', NUL),
        (b'"\\ud800"', "Expected object, received string"),
        (b"\xff", UTF_8),
        ('{"a": 1}'.encode("utf-16"), UTF_8),
        ('{"a": 1}'.encode("utf-32"), UTF_8),
        (b"[" * 100_000, DEPTH),
        (b"[" * 100_000 + b"]" * 100_000, DEPTH),
        (b'{"a":' * 100_000, DEPTH),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, DEPTH),
        (b'[{"a":' * 50_000, DEPTH),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_is_no_object_is_rejected_with_its_type(website, send, body, sentence):
    assert_no_json(send(body), sentence)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"NaN", NUMBERS),
        (b"Infinity", NUMBERS),
        (b"-Infinity", NUMBERS),
        (b"1e400", NUMBERS),
        (b"-1e400", NUMBERS),
        (b"1" * 400 + b".5", NUMBERS),
        (b"1" * 4301, NUMBERS),
        (b"-" + b"1" * 5000, NUMBERS),
        (b'"\xff"', UTF_8),
        (b'"\xed\xa0\x80"', UTF_8),  # a surrogate in disguise
        (b'"\xc0\x80"', UTF_8),  # a NUL in disguise
        (b'"\\u0000"', NUL),
        (b'"x\\u0000y"', NUL),
        (b'{"\\u0000": 1}', NUL),
        (b"[" * 64 + b"]" * 64, DEPTH),
        (b'{"a":' * 64 + b"1" + b"}" * 64, DEPTH),
    ],
    ids=lambda value: str(value)[:40],
)
def test_values_that_no_row_can_hold_are_rejected(with_value, value, sentence):
    assert_no_json(with_value(value), sentence)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"NaN", NUMBERS),
        (b"1e400", NUMBERS),
        (b"1" * 5000, NUMBERS),
        (b'"\\u0000"', NUL),
        (b'{"\\u0000": 1}', NUL),
        (b'"\xff"', UTF_8),
        (b"[" * 64 + b"]" * 64, DEPTH),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("place", ["unknown field", "overwritten", "overwritten, deep inside"])
def test_it_is_rejected_even_where_it_would_be_ignored(website, send, place, value, sentence):
    members = {
        "unknown field": b'"ignored": %s' % value,
        "overwritten": b'"os": %s, "os": "Linux"' % value,
        "overwritten, deep inside": b'"properties": {"a": %s, "a": 1}' % value,
    }
    event = json.dumps(event_of(website)).encode()[:-1] + b", %s}" % members[place]
    assert_no_json(send(event), sentence)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b'"\xff", [' + b"[" * 100, UTF_8),
        (b"[" * 64 + b'"\xff"' + b"]" * 64, UTF_8),
        (b"[" * 64 + b"x", DEPTH),
        (b"[" * 64 + b"NaN" + b"]" * 64, DEPTH),
        (b"[NaN, 'x']", NOT_JSON),
        (b'["\\u0000", NaN]', NUMBERS),
        (b'["\\ud800", "\\u0000"]', NUL),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_first_problem_in_the_order_of_the_contract_is_reported(with_value, value, sentence):
    assert_no_json(with_value(value), sentence)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"1" * 400, int("1" * 400)),
        (b"-" + b"9" * 4300, -int("9" * 4300)),
        (b"18446744073709551616", 2**64),
        (b"-9223372036854775809", -(2**63) - 1),
        (b"9007199254740993", 2**53 + 1),
        (b"1e308", 1e308),
        (b"-0.0000001", -1e-7),
        (b"0.1", 0.1),
        (b"-0", 0),
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\ud800"', "\ufffd"),
        (b'"\\udc00\\ud800"', "\ufffd\ufffd"),
        (b'{"\\uDFFFx": 1}', {"\ufffdx": 1}),
        ('"😀\u200f\uffff\u2028\ufeff\x7f"'.encode(), "😀\u200f\uffff\u2028\ufeff\x7f"),
        (b'"\\u0001\\b\\f\\n\\r\\t\\"\\\\\\/"', '\x01\b\f\n\r\t"\\/'),
        (b'"[[{{' + b"[" * 100 + b'"', "[[{{" + "[" * 100),
        (b'"\\"' + b"[" * 100 + b'"', '"' + "[" * 100),
        (
            b'{"__proto__": {"a": 1}, "constructor": 1, "$where": "1", "": 2}',
            {"__proto__": {"a": 1}, "constructor": 1, "$where": "1", "": 2},
        ),
        (b'{"b": 1, "b": 2}', {"b": 2}),
        (b" [ true , false , null ]\r\n\t", [True, False, None]),
        (b"[" + b"[]," * 1000 + b"[]]", [[]] * 1001),
    ],
    ids=lambda value: str(value)[:40],
)
def test_all_other_json_is_stored_unchanged(with_value, value, kept):
    assert with_value(value).status_code == 201
    assert [event["properties"] for event in stored_rows()] == [{"a": kept}]


@pytest.mark.parametrize(("brackets", "whole"), [(b"[]", []), (b"{}", {})])
def test_the_sixty_fourth_level_is_accepted(api, website, brackets, whole):
    opening = b"[" if brackets == b"[]" else b'{"a":'
    levels = 62 - 1  # the body is the first one, `properties` the second
    value = opening * levels + brackets + brackets[1:] * levels
    event = json.dumps(event_of(website, properties={"a": "HERE"})).encode()

    deeper = opening + value + brackets[1:]
    response = api.post_bytes(PATH, event.replace(b'"HERE"', deeper))
    assert_response(response, 400, validation_body(form=[DEPTH]), REJECTED)

    response = api.post_bytes(PATH, event.replace(b'"HERE"', value))
    assert response.status_code == 201
    assert [event["properties"] for event in stored_rows()] == [{"a": json.loads(value)}]


def test_of_a_repeated_key_the_last_one_counts(api, website):
    event = json.dumps(event_of(website)).encode()
    again = event[:-1] + b', "eventType": "scroll", "eventType": "click"}'
    assert api.post_bytes(PATH, again).status_code == 201
    assert [event["event_type"] for event in stored_rows()] == ["click"]


def test_what_is_stored_unchanged_is_read_back_unchanged(api, website):
    event = json.dumps(event_of(website, properties={"a": "HERE"})).encode()
    number = b"7" * 400
    id = api.post_bytes(PATH, event.replace(b'"HERE"', number)).json()["id"]
    assert b'"properties":{"a":%s}' % number in api.get(f"{PATH}/{id}").content


def test_a_hundred_thousand_brackets_cost_little(send):
    started = time.process_time()
    send(b"[" * 100_000)
    assert time.process_time() - started < 0.5


def test_fifty_thousand_small_keys_are_over_the_cap(api, website):
    body = json.dumps(event_of(website, properties={f"k{n}": n for n in range(50_000)})).encode()
    assert len(body) < 1_048_576
    expected = validation_body(fields={"properties": ["Properties exceed 10000 bytes"]})
    assert_response(api.post_bytes(PATH, body), 400, expected, REJECTED)
    assert stored_rows() == []
