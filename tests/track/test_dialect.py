"""Errors of the track dialect"""

import json

import pytest
from django.test import RequestFactory

from analytics.funnel.dialect import DIALECT
from config.api.dialects.base import Messages
from config.api.errors import Forbidden, Invalid, RowRefused, StorageUnavailable
from config.api.fields import OPTIONAL, Integer, Number, Text, Uuid
from config.api.json_object import JsonObject
from config.api.problems import Problem
from config.api.serializers import StrictSerializer

ID = "019C0630-fe00-4d71-0b46-7075E0512424"  # of no version in particular
TYPES = [
    "text must be a string",
    "number must be a number conforming to the specified constraints",
    "whole must be an integer number",
    "id must be a UUID",
    "object must be an object",
]


class EverySerializer(StrictSerializer):
    text = Text()
    number = Number(min_value=0, max_value=3600)
    whole = Integer(min_value=-5, max_value=100_000)
    id = Uuid()
    object = JsonObject()
    note = Text(**OPTIONAL)


EVERY = EverySerializer()
GOOD = {"text": "", "number": 0.5, "whole": 1, "id": ID, "object": {}}


def error_of(error):
    """Return the status, the error and the whole body that an error becomes."""
    request = RequestFactory().get("/")
    request.request_id = "the request's id"  # type: ignore[attr-defined]
    response = DIALECT.respond(error, Messages(), request)
    body = json.loads(response.content)
    return response.status_code, body["error"], body


def messages_of(body):
    """Return the errors of a body."""
    with pytest.raises(Invalid) as refused:
        EVERY.run_validation(body)
    status, error, _ = error_of(refused.value)
    assert (status, error["code"]) == (400, "VALIDATION_ERROR")
    assert error["correlationId"] == "the request's id"
    return [detail["message"] for detail in error["details"]]


def test_valid_values_are_stored():
    values = EVERY.run_validation(GOOD)
    assert values["id"].hex == ID.replace("-", "").lower()
    assert (values["number"], values["whole"], values["object"]) == (0.5, 1, "{}")
    assert values["note"] is None


def test_what_is_missing_or_null_is_of_the_wrong_type():
    assert messages_of({}) == TYPES
    assert messages_of(dict.fromkeys(GOOD)) == TYPES


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_no_object(body):
    assert messages_of(body) == ["body must be an object"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("text", 5, TYPES[0]),
        ("note", [], "note must be a string"),
        ("number", True, TYPES[1]),
        ("number", "5", TYPES[1]),
        ("number", 3600.0001, "number must not be greater than 3600"),
        ("number", int("9" * 400), "number must not be greater than 3600"),
        ("number", -0.1, "number must not be less than 0"),
        ("whole", 1.5, TYPES[2]),
        ("whole", True, TYPES[2]),
        ("whole", "1", TYPES[2]),
        ("whole", 100_001, "whole must not be greater than 100000"),
        ("whole", 1e300, "whole must not be greater than 100000"),
        ("whole", -6, "whole must not be less than -5"),
        ("id", "zz", TYPES[3]),
        ("id", 5, TYPES[3]),
        ("id", ID.replace("-", ""), TYPES[3]),
        ("id", f"{{{ID}}}", TYPES[3]),
        ("id", f"{ID}\n", TYPES[3]),
        ("object", [], TYPES[4]),
        ("object", "{}", TYPES[4]),
    ],
)
def test_each_rule_has_its_message(field, value, message):
    assert messages_of(GOOD | {field: value}) == [message]


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("number", 0, 0),
        ("number", 3600, 3600),
        ("number", 3600.0, 3600),
        ("whole", -5, -5),
        ("whole", 100_000, 100_000),
        ("whole", 1920.0, 1920),
    ],
)
def test_the_ends_of_a_range_are_in_it(field, value, kept):
    assert EVERY.run_validation(GOOD | {field: value})[field] == kept


def test_only_the_first_problem_of_a_field_is_reported():
    problems = [
        Problem("string_type", ("a",)),
        Problem("uuid_parsing", ("b",)),
        Problem("dict_type", ("a",)),
    ]
    _, error, _ = error_of(Invalid(*problems))
    assert error["details"] == [{"message": "a must be a string"}, {"message": "b must be a UUID"}]


@pytest.mark.parametrize("error", [StorageUnavailable(), RowRefused(), Forbidden("a secret")])
def test_unknown_statuses_are_an_internal_error(error):
    status, result, body = error_of(error)
    assert (status, result["code"], result["message"]) == (
        500,
        "INTERNAL_ERROR",
        "Internal server error",
    )
    assert "secret" not in json.dumps(body)
