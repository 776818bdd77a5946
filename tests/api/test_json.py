"""Invalid JSON, in the order of the contract, and JSON that is valid"""

import pytest

from config.api import request_body
from tests.support.responses import assert_error, assert_invalid

pytestmark = pytest.mark.django_db

UTF8, JSON = "Invalid UTF-8", "Invalid JSON"
DEPTH = "JSON must not be nested deeper than 64 levels"
NUMBERS = "Numbers must be finite and in range"
NUL = "NUL characters are not allowed"


def post(api, body):
    body = body if isinstance(body, bytes) else body.encode()
    return api.post_bytes("/api/v1/auth/login", body, "application/json")


def around(value):
    """Return a good body with a value in a field that the route ignores."""
    return f'{{"email": "nobody@example.com", "password": "x", "ignored": {value}}}'


def nested(levels, opening="[", closing="]"):
    """Return a value with which a body has this many levels, its own one included."""
    return opening * (levels - 1) + "1" + closing * (levels - 1)


@pytest.fixture(autouse=True)
def _no_limit(settings):
    settings.RATE_AUTH = "1000/m"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"event": ', JSON),
        ("{'a':1}", JSON),
        ('{"a":1} x', JSON),
        ('{"a":1}{}', JSON),
        ('{"a":1,}', JSON),
        ("[1,]", JSON),
        ('{"a":01}', JSON),
        ('{"a":+1}', JSON),
        ('{"a":.5}', JSON),
        ('{"a":1.}', JSON),
        ('{"a":"\t"}', JSON),
        ('{"a":"\0"}', JSON),
        ('{"a":"\\x"}', JSON),
        ('{"a":"\\u12"}', JSON),
        ('{"a":tru}', JSON),
        ("{1:2}", JSON),
        ('"', JSON),
        ("//", JSON),
        ('{"a":nan}', JSON),
        (around("NaN"), NUMBERS),
        (around("Infinity"), NUMBERS),
        (around("-Infinity"), NUMBERS),
        ("NaN", NUMBERS),
        (around("[1e400]"), NUMBERS),
        (around("-1E+400"), NUMBERS),
        (around("9" * 5000), NUMBERS),
        (around("-" + "9" * 4301), NUMBERS),
        (around('"\\u0000"'), NUL),
        (around('{"a\\u0000": 1}'), NUL),
        ('{"\\u0000": 1}', NUL),
        (around('"\\\\\\u0000"'), NUL),
        (around(nested(65)), DEPTH),
        (around(nested(65, '{"a":', "}")), DEPTH),
        (nested(66), DEPTH),
        ("[" * 100_000 + "]" * 100_000, DEPTH),
        ("[" * 100_000, DEPTH),
        ('{"a":' * 100_000, DEPTH),
        (b'{"a": "\xff"}', UTF8),
        (b'{"a": "\xc0\x80"}', UTF8),
        (b'{"a": "\xed\xa0\x80"}', UTF8),
    ],
)
def test_a_problem_is_reported_wherever_it_is(api, body, sentence):
    assert_invalid(post(api, body), form=[sentence])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"[" * 65 + b"\xff", UTF8),
        (b"{\xff", UTF8),
        ("[" * 65 + "x", DEPTH),
        ('{"a": NaN', JSON),
        ('{"a": NaN, "b": "\\u0000"', JSON),
        ('{"a": NaN, "b": "\\u0000"}', NUMBERS),
        ('{"a": "\\ud800", "b": 1e400}', NUMBERS),
        ('{"a": "\\ud800", "b": "\\u0000"}', NUL),
        ('{"email": 5, "b": "\\u0000"}', NUL),
    ],
)
def test_the_first_problem_is_reported(api, body, sentence):
    assert_invalid(post(api, body), form=[sentence])


@pytest.mark.parametrize(
    "value",
    [
        nested(64),
        nested(64, '{"a":', "}"),
        '"' + "[" * 1000 + '"',
        '"\\"' + "[" * 1000 + '"',
        "[" + ",".join(["[]"] * 1000) + "]",
        "9" * 400,
        "-" + "9" * 4300,
        "1e308",
        "1e-400",
        "-0.0",
        '"\\\\u0000"',
        '"\\\\ud800"',
        '"\\ud800"',
        '{"\\udc00": "\\uDFFF\\uD800"}',
        '"\\ud83d\\ude00"',
        '"😀\u200f\uffff\u2028\U0010ffff"',
        '"\\u0001\\u001f\x7f"',
        '{"__proto__": {}, "constructor": 1, "$where": 2, "": 3}',
    ],
)
def test_all_other_json_is_accepted(api, value):
    refused = (401, "UNAUTHORIZED", "Invalid email or password")
    assert_error(post(api, around(value)), *refused)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9" * 400, int("9" * 400)),
        (str(2**64), 2**64),
        (str(-(2**63) - 1), -(2**63) - 1),
        ("[1.0, 1e2, -0]", [1.0, 100.0, 0]),
        ('"\\u0041\\ud83d\\ude00"', "A😀"),
        ('"\\\\u0000"', "\\u0000"),
        ('{"a": 1, "a": {"b": null}}', {"a": {"b": None}}),
    ],
)
def test_values_are_read_unchanged(text, value):
    read = request_body.parse(text.encode())
    assert (read, repr(read)) == (value, repr(value))


@pytest.mark.parametrize(
    ("body", "received"),
    [
        ("[1]", "array"),
        ("null", "null"),
        ("5", "number"),
        ("1.5", "number"),
        ("true", "boolean"),
        ('"x"', "string"),
    ],
)
def test_the_body_is_an_object(api, body, received):
    assert_invalid(post(api, body), form=[f"Expected object, received {received}"])


def test_of_a_repeated_key_the_last_one_counts(api):
    body = '{"email": 5, "password": "x", "email": "a@b.de", "password": ""}'
    assert_invalid(post(api, body), fields={"password": ["Password is required"]})
