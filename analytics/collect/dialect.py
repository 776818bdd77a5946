"""The collect dialect: {"success": false, "error": "<sentence>"}, a sentence for each field."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from rest_framework import serializers

from config.api import errors
from config.api.answers import Answer
from config.api.dialects.base import (
    JSON_TYPES,
    Dialect,
    Messages,
)
from config.api.errors import (
    ApiError,
    Problem,
)

# Neutral code to the sentence of the error and to the message in its details.
_MESSAGES = {
    "missing": ("{field} is required", "Required"),
    "string_type": ("{field} must be a string", "Expected string, received {received}"),
    "string_pattern_mismatch": ("{field} is invalid", "Must match ^[A-Za-z0-9_.-]{{1,64}}$"),
    "dict_type": ("{field} must be an object", "Expected object, received {received}"),
    "too_large": ("{field} is too large", "Exceeds {max_bytes} bytes"),
    "datetime_parsing": ("{field} is invalid", "Invalid ISO 8601 date-time"),
    "timestamp_range": ("{field} is out of range", "Timestamp out of range"),
    "list_type": ("{field} must be an array", "Expected array, received {received}"),
    "too_short": ("{field} must not be empty", "At least one event is required"),
    "too_long": (
        "{field} must have at most {max_length} items",
        "At most {max_length} events are allowed",
    ),
    "json_invalid": ("{reason}", ""),
}


class CollectDialect(Dialect):
    """One sentence for each error; invalid ones add `details`, the 429 is a body of its own."""

    def describe(
        self, error: ApiError, messages: Messages, request: HttpRequest
    ) -> tuple[int, Any]:
        if isinstance(error, errors.RateLimited):
            wait = error.retry_after_seconds
            sentence = f"Rate limit exceeded. Please try again in {wait} seconds."
            return 429, {"error": sentence, "retryAfter": wait}
        status, sentence = _plain(error)
        body: dict[str, Any] = {"success": False, "error": sentence}
        if isinstance(error, errors.Invalid):
            body["details"] = _details(error.problems)
        return status, body

    def body_type(self, error: ApiError) -> type[Answer]:
        match error:
            case errors.RateLimited():
                return LimitRefusal
            case errors.Invalid():
                return Invalidity
            case _:
                return Refusal


class Refusal(Answer):
    """What went wrong, in a sentence."""

    success = serializers.ChoiceField([False])
    error = serializers.CharField()


class BadField(Answer):
    """What is wrong with one field."""

    field = serializers.CharField()
    message = serializers.CharField()


class Invalidity(Refusal):
    """The first problem in a sentence, and every bad field."""

    details = serializers.ListField(child=BadField())


class LimitRefusal(Answer):
    """The budget of the user is spent."""

    error = serializers.CharField()
    retryAfter = serializers.IntegerField(min_value=1, help_text="Seconds.")


def sentence_of(error: errors.Invalid, *, whole: str) -> str:
    """Return what is told of an error: its first problem; `whole` is what the object is called."""
    problem = error.problems[0]
    return _worded(problem, _field_of(problem) or whole)[0]


def _plain(error: ApiError) -> tuple[int, str]:
    match error:
        case errors.Invalid():
            return 400, sentence_of(error, whole="Request body")
        case errors.BadRequest():
            return 400, "Bad request"
        case errors.Forbidden():
            return 403, error.message
        case errors.MethodNotAllowed():
            return 405, "Method not allowed"
        case errors.BodyTooLarge():
            return 413, "Request body is too large"
        case errors.UnsupportedMediaType():
            return 415, "Unsupported media type"
        case errors.StorageUnavailable():
            return 503, "Event storage is unavailable"
        case _:
            return 500, "Internal server error"


def _details(problems: Sequence[Problem]) -> list[dict[str, str]]:
    """Return an entry for each bad field; what concerns the whole body has none."""
    fields = {_field_of(problem): problem for problem in reversed(problems) if problem.location}
    return [
        {"field": field, "message": _worded(problem, field)[1]}
        for field, problem in reversed(fields.items())
    ]


def _field_of(problem: Problem) -> str:
    return str(problem.location[-1]) if problem.location else ""


def _worded(problem: Problem, field: str) -> tuple[str, str]:
    values = {"field": field, "received": JSON_TYPES[type(problem.input)], **problem.context}
    sentence, message = (text.format(**values) for text in _MESSAGES[problem.code])
    return sentence, message


DIALECT = CollectDialect()
