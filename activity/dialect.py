"""The activity dialect: {"error": {"code": CODE, "message": sentence}}, sometimes with details."""

from collections.abc import Sequence
from typing import Annotated

from django.http import HttpRequest
from msgspec import UNSET, UnsetType

from config.api import errors
from config.api.bodies import Body, enum
from config.api.dialects.base import Dialect, Messages, StatusAndBody
from config.api.errors import ApiError
from config.api.problems import Problem

_INVALID_INPUT = ("INVALID_INPUT", "Invalid request body")
_BAD_EVENT = "INVALID_ACTIVITY_EVENT"
_BAD_TYPE = "Invalid activity event type"
_BAD_FIELDS = "Invalid activity event fields"
_BAD_METADATA = "Activity metadata is too large"


class Details(Body):
    """What is wrong: with a field, or with the JSON."""

    field: Annotated[str, enum(["type", "metadata"])] | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class Error(Body):
    """A code for programs, a sentence for people."""

    code: str
    message: str
    details: Details | UnsetType = UNSET


class ErrorBody(Body):
    """What went wrong."""

    error: Error


class ActivityDialect(Dialect):
    """Nested errors; of all that is wrong with a body only the gravest is reported."""

    def describe(self, error: ApiError, messages: Messages, request: HttpRequest) -> StatusAndBody:
        if isinstance(error, errors.Invalid):
            return 400, ErrorBody(_gravest(error.problems))
        status, code, message = _plain(error)
        return status, ErrorBody(Error(code, message))


def _plain(error: ApiError) -> tuple[int, str, str]:
    match error:
        case errors.BadRequest():
            return 400, "BAD_REQUEST", "Bad request"
        case errors.NotAuthenticated() | errors.InvalidCredentials():
            return 401, "UNAUTHORIZED", "Invalid bearer token"
        case errors.HttpsRequired():
            return 403, "FORBIDDEN", error.message
        case errors.MethodNotAllowed():
            return 405, "METHOD_NOT_ALLOWED", "Method not allowed"
        case errors.Conflict():
            return 409, "CONFLICT", error.message
        case errors.RequestTimeout():
            return 408, "REQUEST_TIMEOUT", "Request timed out"
        case errors.BodyTooLarge():
            return 413, "PAYLOAD_TOO_LARGE", "Request body is too large"
        case errors.UnsupportedMediaType():
            return 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"
        case errors.RateLimited():
            return 429, "RATE_LIMITED", "Too many requests"
        case errors.SwitchedOff():
            message = "Activity recorder is not configured"
            return 503, "ACTIVITY_RECORDER_UNAVAILABLE", message
        case errors.StorageUnavailable() | errors.RowRefused():
            return 500, "ACTIVITY_RECORD_FAILED", "Activity event could not be recorded"
        case _:
            return 500, "INTERNAL_ERROR", "Internal server error"


def _gravest(problems: Sequence[Problem]) -> Error:
    return min(map(_error_of, problems), key=lambda error: _RANKS[error.code, error.message])


def _error_of(problem: Problem) -> Error:
    match problem.location, problem.code:
        case _, "json_invalid":
            reason = problem.describe()
            details = UNSET if reason == "Invalid JSON" else Details(reason=reason)
            return Error(*_INVALID_INPUT, details)
        case _, "header_uuid":
            return Error(*_INVALID_INPUT, Details(reason=problem.describe()))
        case ("type",), "missing" | "activity_type":
            return Error(_BAD_EVENT, _BAD_TYPE, Details(field="type"))
        case _, "string_too_long":
            return Error(_BAD_EVENT, _BAD_FIELDS)
        case ("metadata",), "too_large":
            return Error(_BAD_EVENT, _BAD_METADATA, Details(field="metadata"))
    return Error(*_INVALID_INPUT)


_RANKS = {
    _INVALID_INPUT: 0,
    (_BAD_EVENT, _BAD_TYPE): 1,
    (_BAD_EVENT, _BAD_FIELDS): 2,
    (_BAD_EVENT, _BAD_METADATA): 3,
}

DIALECT = ActivityDialect()
