"""Compiled serializers accept what plain ones do, and read the same values"""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework import serializers

from activity.api import ActivitySerializer
from analytics.collect.api import EventSerializer as CollectedSerializer
from analytics.events import serializers as events
from analytics.funnel.api import TrackSerializer
from analytics.platform import api as platform
from analytics.sessions.api import LeaveSerializer, PageViewSerializer, SessionSerializer
from config.api.compiled import decoder_of
from config.api.errors import Invalid
from config.api.fields import OPTIONAL, Integer, List, Text
from config.api.request_body import parse_with_text
from config.api.serializers import StrictSerializer
from tests.support.events import AT_MS, ID

CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # that do not matter
pytestmark = pytest.mark.django_db

STREAMS = [
    events.ItemSerializer,
    events.EventSerializer,
    platform.EventSerializer,
    platform.ItemSerializer,
    TrackSerializer,
    CollectedSerializer,
    SessionSerializer,
    PageViewSerializer,
    LeaveSerializer,
]
TOKENS = [
    *("null", "true", "0", "-0", "5", "1.0", "1.5", "1e2", "1E+2", "-1e-7"),
    *("0.1234567890123456789", "12345678901234567890.5", "1e308", "1e-16383"),
    *("18446744073709551616", "9" * 400),
    *(str(AT_MS), f"{AT_MS}.9", "1769630400", "20000000001", "-1", '"1769630400"', '"5"'),
    *('""', '" "', '"x"', r'"\u0061\/"', r'"\ud83d\ude00"', r'"\\u0000"', '"é😀"', f'"{ID}"'),
    *(f'"{ID.upper()}"', '"00000000-0000-4000-8000-000000000000"', '"2026-01-28T20:00:00Z"'),
    *('"pageview"', '"click"', '"desktop"', '"pm-a"', '"pm-' + "x" * 62 + '"', '"trading"'),
    *('"https://a.example/"', '"HTTP://A.B.:80/x?y"', '"ftp://[::1]/"', '"https:///x"', '"/x"'),
    *(f'"https://a.example/{"x" * 2030}"', f'"https://a.example/{"x" * 2031}"', '"file:///x"'),
    *(f'"{"é" * length}"' for length in (100, 101, 255, 256)),
    *("{}", "[]", "[{}]", '{"a": 1, "a": 2}', '{ "a" : [ 1.10 , 1E5 ] }', '{"b":{"c":[]}}'),
    *('{"a": "%s"}' % ("x" * 9_991), '{"a": "%s"}' % ("x" * 9_992), '{"a":"%s"}' % ("é" * 4997)),
]  # fmt: skip
SPACES = ["", "", "", " ", "\r\n\t"]


def key_text(name, style):
    """Return a key as JSON, perhaps with its first letter as an escape."""
    return f'"\\u{ord(name[0]):04x}{name[1:]}"' if style == "escaped" and name else json.dumps(name)


@st.composite
def bodies(draw, serializer):
    """Return a body near a valid one: some members changed, missing, repeated or unknown."""
    sent = {name: json.dumps(value) for name, value in serializer.example.items()}
    members = [(name, text) for name, text in sent.items() if draw(st.integers(0, 19))]
    names = st.sampled_from([*serializer().fields, "unknown", "", "__proto__"])
    members += draw(st.lists(st.tuples(names, st.sampled_from(TOKENS)), max_size=3))
    members = draw(st.permutations(members))
    space = st.sampled_from(SPACES)
    styles = st.sampled_from(["plain", "plain", "escaped"])
    inner = ",".join(
        f"{draw(space)}{key_text(name, draw(styles))}{draw(space)}:{draw(space)}{text}{draw(space)}"
        for name, text in members
    )
    is_repeated = len({name for name, _ in members}) < len(members)
    return draw(st.sampled_from(["", "\ufeff"])) + f"{{{inner}}}", is_repeated


def with_types(value):
    """Return values with their types, for 1 equals 1.0 and True."""
    if isinstance(value, dict):
        return {name: with_types(member) for name, member in value.items()}
    return list(map(with_types, value)) if isinstance(value, list) else (type(value), repr(value))


def outcome_of(read, sent):
    """Return what is read, or the problems."""
    try:
        return with_types(read(sent))
    except Invalid as error:
        return [(each.code, each.location, each.describe()) for each in error.problems]


@pytest.mark.parametrize("kind", STREAMS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@settings(max_examples=80, suppress_health_check=CHECKS)
@given(data=st.data())
def test_both_accept_the_same_and_read_the_same(kind, data):
    body, is_repeated = data.draw(bodies(kind))
    sent = parse_with_text(body.encode())
    plain, decoded = kind(), decoder_of(kind().compiled())(sent.text)
    expected = outcome_of(plain.read, sent)
    if decoded is not None:
        assert with_types(decoded) == expected
    elif not is_repeated:  # an invalid value may have been overwritten
        assert isinstance(expected, list), "the decoder refuses what the serializer accepts"
    assert outcome_of(kind().compile().read, sent) == expected


@pytest.mark.parametrize("kind", [events.BatchSerializer, platform.BatchSerializer])
@settings(max_examples=40, suppress_health_check=CHECKS)
@given(data=st.data())
def test_so_they_do_with_batches(kind, data):
    item = {
        events.BatchSerializer: events.ItemSerializer,
        platform.BatchSerializer: platform.ItemSerializer,
    }[kind]
    items = [body.lstrip("\ufeff") for body, _ in data.draw(st.lists(bodies(item), max_size=4))]
    items += data.draw(st.lists(st.sampled_from(TOKENS), max_size=1))
    body = f'{{"client_id": "c", "events": [{" , ".join(items)}]}}'
    sent = parse_with_text(body.encode())
    assert outcome_of(kind().compile().read, sent) == outcome_of(kind().read, sent)


@pytest.mark.parametrize("serializer", [events.EVENT, events.BATCH, platform.EVENT, platform.BATCH])
def test_the_decoder_takes_the_example(serializer):
    decoded = decoder_of(serializer.compiled())(json.dumps(serializer.example).encode())
    assert decoded == serializer.read(parse_with_text(json.dumps(serializer.example).encode()))


@pytest.mark.parametrize("body", ["[]", "null", "5", '"x"', "{}", '{"events": {}}'])
def test_a_body_of_another_shape_is_left_to_the_serializer(body):
    assert decoder_of(events.BATCH.compiled())(body.encode()) is None


class Foreign(StrictSerializer):
    word = serializers.CharField()


class Consistent(StrictSerializer):
    word = Text()

    def validate(self, attrs):
        return attrs


class Defaulted(StrictSerializer):
    number = Integer(min_value=0, max_value=9, default=1)


class LeftOut(StrictSerializer):
    word = Text(required=False)


class Nested(StrictSerializer):
    words = List(child=serializers.CharField(), min_length=0, max_length=9)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Foreign, "word cannot be compiled: it is no StrictField"),
        (Consistent, "Consistent cannot be compiled: it is partial, or has `validate`"),
        (Defaulted, "number cannot be compiled: its default would be validated"),
        (LeftOut, "word cannot be compiled: it may be absent, without a default"),
        (Nested, "cannot be compiled: it is no StrictField"),
        (ActivitySerializer, "type cannot be compiled: it has JSON types of its own"),
    ],
)
def test_what_cannot_be_compiled_says_so_at_the_start(kind, reason):
    with pytest.raises(TypeError, match=reason):
        kind().compile()


class Renamed(StrictSerializer):
    nickname = Text(source="nick_name", **OPTIONAL)


def test_values_have_the_names_of_their_sources():
    assert decoder_of(Renamed().compiled())(b'{"nickname": "x"}') == {"nick_name": "x"}
