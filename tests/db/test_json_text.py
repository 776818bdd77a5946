"""JSON texts: what is accepted can be stored, what is made compact keeps its value"""

import json
from decimal import Decimal

import pytest
from django.db import connections
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.api.errors import Invalid
from config.api.request_body import parse_with_text
from config.db.json_text import compact, fit

CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # that do not matter
DIGITS = st.text("0123456789", min_size=1, max_size=30)
NUMBERS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    DIGITS.map(lambda digits: digits.lstrip("0") or "0"),
    st.just("") | DIGITS.map(".{}".format),
    st.just("")
    | st.builds(
        "{}{}{}".format,
        *(st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 400)),
    ),
)
ESCAPES = [r"\u0041", r"\u00e9", r"\ud83d\ude00", r"\ud800", r"\uDFFF", r"\/", r"\n", r"\\", r"\""]
CHARACTERS = st.sampled_from([*ESCAPES, *"ab :,[]{}é😀\u2028\x7f", r"\u001f", r"\\u0000"])
STRINGS = st.lists(CHARACTERS, max_size=4).map(lambda parts: f'"{"".join(parts)}"')
SPACES = st.sampled_from(["", "", " ", "\n\t"])


def joined(opening, closing):
    """Return what writes a list of texts with white space between them."""
    return lambda parts, space: f"{opening}{space}{f'{space},{space}'.join(parts)}{space}{closing}"


def members(values):
    return st.lists(st.builds("{}{}:{}".format, STRINGS, SPACES, values), max_size=4)


def objects(values):
    return st.builds(joined("{", "}"), members(values), SPACES)


VALUES = st.recursive(
    NUMBERS | STRINGS | st.sampled_from(["true", "false", "null"]),
    lambda inner: st.builds(joined("[", "]"), st.lists(inner, max_size=4), SPACES) | objects(inner),
    max_leaves=12,
)
OBJECTS = objects(VALUES)


def exact(text):
    """Return a value with all digits."""
    return json.loads(text, parse_float=Decimal)


def accepted(text):
    """Return the text that is stored for a body, None for one that is refused."""
    try:
        return parse_with_text(text.encode()).text
    except Invalid:
        return None


@pytest.mark.django_db(databases=["default", "analytics"])
@settings(suppress_health_check=CHECKS)
@given(OBJECTS)
@example(r'{"\\u0000": 1e-99999, "": -0.0}')
def test_what_is_accepted_can_be_stored(text):
    stored = accepted(text)
    if stored is not None:
        with connections["analytics"].cursor() as cursor:
            cursor.execute("SELECT (%s::json)::text", [stored.decode()])
            assert cursor.fetchone() == (stored.decode(),)


@given(OBJECTS)
def test_compact_text_has_the_same_value_and_is_never_longer(text):
    stored = accepted(text)
    if stored is not None:
        short = compact(stored)
        assert exact(short) == exact(stored)
        assert len(short) <= len(stored)
        assert compact(short) == short
        assert fit(stored, len(stored)) == stored.decode()
        assert fit(stored, len(short)) == (stored if short == stored else short).decode()
        assert fit(stored, len(short) - 1) is None or len(short) <= 2


@pytest.mark.parametrize(
    ("text", "short"),
    [
        (b"{ }", b"{}"),
        (b'{"a" : 1.10 ,"b":1E+5}', b'{"a":1.10,"b":1E+5}'),
        (rb'{"\u00e9\/":"\u0041\n\u000a\u001f"}', '{"é/":"A\\n\\n\\u001f"}'.encode()),
        (b'{"a":1,"b":{"c":1,"c":2},"a":3}', b'{"a":3,"b":{"c":2}}'),
    ],
)
def test_white_space_repeated_keys_and_needless_escapes_go(text, short):
    assert compact(text) == short


def test_a_key_can_be_left_out():
    assert compact(b'{"a":1,"b":2.50}', without="a") == b'{"b":2.50}'
    assert compact(b'{"b":2.50}', without="a") == b'{"b":2.50}'
