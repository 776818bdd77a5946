"""Strict serializers, as a DRF user would use them"""

import json

import pytest
from django.core.validators import RegexValidator
from django.test import RequestFactory
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from activity.dialect import DIALECT as ACTIVITY
from analytics.collect.dialect import DIALECT as COLLECT
from analytics.events.serializers import BatchSerializer, EventSerializer
from analytics.funnel.dialect import DIALECT as TRACK
from analytics.platform.dialect import DIALECT as PLATFORM
from config.api.dialects.base import Messages
from config.api.dialects.flat import DIALECT as FLAT
from config.api.errors import Invalid
from config.api.fields import OPTIONAL, Choice, Integer, List, Text, Uuid
from config.api.problems import DEFAULT_MESSAGES, Problem
from config.api.rules import Rule, at_least, at_most, matching
from config.api.serializers import StrictSerializer
from config.api.view import as_api_error
from websites.websites_api import WebsiteChange

EVENT = EventSerializer.example | {"properties": None}  # whose cap is in the database


class Palindrome(StrictSerializer):
    """A serializer with a rule of its own, whose code no dialect knows."""

    word = Text(Rule(lambda text: text == text[::-1], "no_palindrome"))


class Person(StrictSerializer):
    name = Text(at_least(2, "At least {min_length} letters"), matching("^[a-z]"))
    age = Integer(min_value=0, max_value=150, default=None)
    role = Choice("admin", "guest", default="guest")
    nickname = Text(source="nick_name", **OPTIONAL)


class Couple(StrictSerializer):
    people = List(child=Person(), min_length=2, max_length=2)

    def validate(self, attrs):
        if attrs["people"][0] == attrs["people"][1]:
            raise serializers.ValidationError("They are {the same}", code="same")
        return attrs


def test_a_valid_body_has_values_and_no_errors():
    serializer = Person(data={"name": "ann", "unknown": 1})
    assert serializer.is_valid(raise_exception=True)
    assert serializer.validated_data == {
        "name": "ann",
        "age": None,
        "role": "guest",
        "nick_name": None,
    }
    assert serializer.errors == {}
    assert serializer.data["nickname"] is None


def test_errors_are_those_of_drf():
    serializer = EventSerializer(data=EVENT | {"url": "x", "sessionId": "", "eventType": 5})
    assert not serializer.is_valid()
    assert serializer.errors == {
        "eventType": [
            ErrorDetail("Expected 'pageview' | 'click' | 'custom', received number", "enum_type")
        ],
        "url": [ErrorDetail("Invalid URL", code="url_parsing")],
        "sessionId": [ErrorDetail("Session ID is required", code="string_too_short")],
    }
    assert serializer.validated_data == {}


def test_a_missing_field_and_a_null_one():
    serializer = Person(data={"age": None})
    assert not serializer.is_valid()
    assert serializer.errors == {
        "name": [ErrorDetail("Required", code="missing")],
        "age": [ErrorDetail("Expected integer, received null", code="int_type")],
    }


@pytest.mark.parametrize("body", [None, [], "text"])
def test_a_body_that_is_no_object(body):
    serializer = Person(data=body)
    assert not serializer.is_valid()
    [error] = serializer.errors["non_field_errors"]
    assert error.code == "dict_type"


def test_every_broken_rule_of_a_field_is_reported():
    serializer = Person(data={"name": "A"})
    assert not serializer.is_valid()
    assert serializer.errors["name"] == ["At least 2 letters", "Invalid format"]


def test_raise_exception_raises_what_views_raise():
    with pytest.raises(ValidationError) as raised:
        Person(data={"name": "A"}).is_valid(raise_exception=True)
    assert isinstance(raised.value, Invalid)
    assert [problem.location for problem in raised.value.problems] == [("name",), ("name",)]
    assert raised.value.get_codes() == {"name": ["string_too_short", "string_pattern_mismatch"]}


def test_a_partial_serializer_validates_what_is_there():
    serializer = WebsiteChange(data={"isActive": False}, partial=True)
    assert serializer.is_valid()
    assert serializer.validated_data == {"is_active": False}
    assert not WebsiteChange(data={"name": ""}, partial=True).is_valid()


def test_errors_of_a_nested_list_stand_at_their_index():
    serializer = Couple(data={"people": [{"name": "ann", "age": -1}, 5]})
    assert not serializer.is_valid()
    [too_low] = serializer.errors["people"][0]["age"]
    assert too_low.code == "greater_than_equal"
    assert serializer.errors["people"][1] == [
        ErrorDetail("Expected object, received number", code="dict_type")
    ]


def test_a_list_may_have_invalid_items_beside_a_valid_one():
    serializer = BatchSerializer(data={"events": [5, EVENT, EVENT | {"url": "x"}]})
    assert serializer.is_valid()
    number, event, bad_url = serializer.validated_data["events"]
    assert event["url"] == EVENT["url"]
    assert [number.detail, bad_url.detail] == [
        [ErrorDetail("Expected object, received number", code="dict_type")],
        {"url": [ErrorDetail("Invalid URL", code="url_parsing")]},
    ]
    assert not BatchSerializer(data={"events": [5, EVENT | {"url": "x"}]}).is_valid()


def test_a_nested_list_has_a_length():
    serializer = BatchSerializer(data={"events": []})
    assert not serializer.is_valid()
    assert serializer.errors == {
        "events": [ErrorDetail("At least one event is required", code="too_short")]
    }


def test_many_and_nested_serializers_work_as_in_drf():
    class Letter(serializers.Serializer):  # type: ignore[type-arg]
        sender = Person()
        copy = serializers.CharField(max_length=3)

    assert Person(data=[{"name": "ann"}], many=True).is_valid()
    many = Person(data=[{"name": "ann"}, {}], many=True)
    assert not many.is_valid()
    assert many.errors == {1: {"name": ["Required"]}}
    letter = Letter(data={"sender": {}, "copy": "four"})
    assert not letter.is_valid()
    assert letter.errors["sender"] == {"name": ["Required"]}


def test_fields_and_validators_of_drf_and_django_work():
    class Form(StrictSerializer):
        code = Text(at_most(3), validators=[RegexValidator("^x", "Not {x}", code="not_x")])
        flag = serializers.BooleanField()
        people = Person(many=True, default=None)

    assert Form().run_validation({"code": "x", "flag": "yes"})["flag"] is True
    with pytest.raises(Invalid) as raised:
        Form().run_validation({"code": "four", "flag": "?", "people": [{"name": "a"}]})
    problems = [(each.code, each.location, each.describe()) for each in raised.value.problems]
    assert problems == [
        ("string_too_long", ("code",), "String must contain at most 3 character(s)"),
        ("not_x", ("code",), "Not {x}"),
        ("invalid", ("flag",), "Must be a valid boolean."),
        ("string_too_short", ("people", 0, "name"), "At least 2 letters"),
    ]


def test_validate_compares_values_once_all_are_valid():
    ann, bob = {"name": "ann"}, {"name": "bob"}
    assert Couple(data={"people": [ann, bob]}).is_valid()
    serializer = Couple(data={"people": [ann, ann]})
    assert not serializer.is_valid()
    assert serializer.errors == {"non_field_errors": [ErrorDetail("They are {the same}", "same")]}


def test_a_rule_is_a_validator():
    rule = at_most(3, "Too long")
    rule("abc")
    with pytest.raises(ValidationError) as raised:
        rule("abcd")
    assert raised.value.detail == [ErrorDetail("Too long", code="string_too_long")]
    assert Text(rule).validators == [rule]


def test_a_field_validates_alone():
    assert Text().run_validation("x") == "x"
    assert Text(**OPTIONAL).run_validation(None) is None
    with pytest.raises(ValidationError) as raised:
        Uuid(error_messages={"uuid_parsing": "Invalid cursor"}).run_validation("x")
    assert raised.value.detail == ["Invalid cursor"]


def test_what_would_be_ignored_stops_the_start():
    with pytest.raises(TypeError, match="validate_name must be a rule of the field"):

        class Hooked(StrictSerializer):
            name = Text()

            def validate_name(self, value): ...

    with pytest.raises(TypeError, match="the default of names must be a constant"):

        class Made(StrictSerializer):
            names = List(min_length=0, max_length=1, default=list)


@pytest.mark.parametrize(
    ("dialect", "status", "text"),
    [
        (FLAT, 400, '"fieldErrors":{"word":["Invalid value"]}'),
        (PLATFORM, 422, '"type":"no_palindrome","loc":["body","word"],"msg":"Invalid value"'),
        (TRACK, 400, '"details":[{"message":"word is invalid"}]'),
        (COLLECT, 400, '"details":[{"field":"word","message":"Invalid value"}]'),
        (ACTIVITY, 400, '{"code":"INVALID_INPUT","message":"Invalid request body"}'),
    ],
)
def test_no_dialect_needs_to_know_a_new_rule(dialect, status, text):
    with pytest.raises(Invalid) as raised:
        Palindrome().run_validation({"word": "word"})
    response = dialect.respond(raised.value, Messages(), RequestFactory().post("/"))
    assert response.status_code == status
    assert text in response.content.decode()


@pytest.mark.parametrize("dialect", [FLAT, PLATFORM, TRACK, COLLECT, ACTIVITY])
@pytest.mark.parametrize("code", DEFAULT_MESSAGES)
def test_no_dialect_depends_on_the_context_of_a_code(dialect, code):
    error = Invalid(Problem(code, ("field",)))
    response = dialect.respond(error, Messages(), RequestFactory().post("/"))
    assert response.status_code < 500


@pytest.mark.parametrize("dialect", [FLAT, PLATFORM, TRACK, COLLECT])
def test_a_new_rule_brings_its_message(dialect):
    class Shouted(StrictSerializer):
        word = Text(Rule(str.isupper, "not_upper", "{input!r} lacks {nothing}"))

    with pytest.raises(Invalid) as raised:
        Shouted().run_validation({"word": "a"})
    response = dialect.respond(raised.value, Messages(), RequestFactory().post("/"))
    assert "'a' lacks {nothing}" in response.content.decode()


def test_a_view_may_raise_errors_of_drf():
    error = as_api_error(ValidationError({"name": ["Taken"]}, code="taken"))
    response = FLAT.respond(error, Messages(invalid="Invalid"), RequestFactory().post("/"))
    assert json.loads(response.content)["details"]["fieldErrors"] == {"name": ["Taken"]}
