"""The activity dialect: {"error": {"code": CODE, "message": sentence}}, sometimes with details."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from rest_framework import serializers

from config.api import errors
from config.api.answers import Answer
from config.api.dialects.base import (
    Dialect,
    Messages,
)
from config.api.errors import (
    ApiError,
    Problem,
)

_INVALID_INPUT = ("INVALID_INPUT", "Invalid request body")
_BAD_EVENT = "INVALID_ACTIVITY_EVENT"
_BAD_TYPE = "Invalid activity event type"
_BAD_FIELDS = "Invalid activity event fields"
_BAD_METADATA = "Activity metadata is too large"


class ActivityDialect(Dialect):
    """Nested errors; of all that is wrong with a body only the gravest is told."""

    def describe(
        self, error: ApiError, messages: Messages, request: HttpRequest
    ) -> tuple[int, Any]:
        if isinstance(error, errors.Invalid):
            return 400, {"error": _gravest(error.problems)}
        status, code, message = _plain(error)
        return status, {"error": {"code": code, "message": message}}

    def body_type(self, error: ApiError) -> type[Answer]:
        return Refusal


class Details(Answer):
    """What is wrong: with a field, or with the JSON."""

    field = serializers.ChoiceField(["type", "metadata"], required=False)
    reason = serializers.CharField(required=False)


class Explanation(Answer):
    """A code for programs, a sentence for people."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = Details(required=False)


class Refusal(Answer):
    """What went wrong."""

    error = Explanation()


def _plain(error: ApiError) -> tuple[int, str, str]:
    match error:
        case errors.BadRequest():
            return 400, "BAD_REQUEST", "Bad request"
        case errors.NotAuthenticated() | errors.InvalidCredentials():
            return 401, "UNAUTHORIZED", "Invalid bearer token"
        case errors.MethodNotAllowed():
            return 405, "METHOD_NOT_ALLOWED", "Method not allowed"
        case errors.BodyTooLarge():
            return 413, "PAYLOAD_TOO_LARGE", "Request body is too large"
        case errors.UnsupportedMediaType():
            return 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"
        case errors.SwitchedOff():
            message = "Activity recorder is not configured"
            return 503, "ACTIVITY_RECORDER_UNAVAILABLE", message
        case errors.StorageUnavailable() | errors.RowRefused():
            return 500, "ACTIVITY_RECORD_FAILED", "Activity event could not be recorded"
        case _:
            return 500, "INTERNAL_ERROR", "Internal server error"


def _gravest(problems: Sequence[Problem]) -> dict[str, Any]:
    told = (_told(problem) for problem in problems)
    return min(told, key=lambda error: _RANKS[error["code"], error["message"]])


def _told(problem: Problem) -> dict[str, Any]:
    code, message = _INVALID_INPUT
    match problem.location, problem.code:
        case _, "json_invalid":
            reason = problem.context["reason"]
            details = {} if reason == "Invalid JSON" else {"details": {"reason": reason}}
            return {"code": code, "message": message, **details}
        case ("type",), "missing" | "activity_type":
            return {"code": _BAD_EVENT, "message": _BAD_TYPE, "details": {"field": "type"}}
        case _, "bytes_too_long":
            return {"code": _BAD_EVENT, "message": _BAD_FIELDS}
        case ("metadata",), "too_large":
            return {"code": _BAD_EVENT, "message": _BAD_METADATA, "details": {"field": "metadata"}}
    return {"code": code, "message": message}


_RANKS = {
    _INVALID_INPUT: 0,
    (_BAD_EVENT, _BAD_TYPE): 1,
    (_BAD_EVENT, _BAD_FIELDS): 2,
    (_BAD_EVENT, _BAD_METADATA): 3,
}

DIALECT = ActivityDialect()
