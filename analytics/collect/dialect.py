"""The collect dialect: {"success": false, "error": "<sentence>"}, a sentence for each field."""

from collections.abc import Sequence
from typing import Annotated

from django.http import HttpRequest
from msgspec import Meta

from config.api import errors, idempotency
from config.api.bodies import AlwaysFalse, Body
from config.api.dialects.base import Dialect, Messages, StatusAndBody
from config.api.errors import ApiError
from config.api.problems import Problem

# Neutral code to the sentence of the error and to the message in its details.
_MESSAGES = {
    "missing": ("{field} is required", "Required"),
    "string_type": ("{field} must be a string", "Expected string, received {received}"),
    "string_pattern_mismatch": (
        "{field} is invalid",
        "Must be 1 to 64 letters, digits, _ . - $ : / or single blanks",
    ),
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
    "timestamp_mismatch": (idempotency.OTHER_TIME, idempotency.OTHER_TIME),
    "header_uuid": (idempotency.NOT_A_KEY, ""),
    "json_invalid": ("{reason}", ""),
}


class ErrorBody(Body, kw_only=True):
    """What went wrong, in a sentence."""

    success: AlwaysFalse = False
    error: str


class FieldError(Body):
    """What is wrong with one field."""

    field: str
    message: str


class InvalidBody(ErrorBody, kw_only=True):
    """The first problem in a sentence, and every bad field."""

    details: list[FieldError]


class RateLimitBody(Body, rename="camel"):
    """The budget of the user is spent."""

    error: str
    retry_after: Annotated[int, Meta(ge=1, description="Seconds.")]


class CollectDialect(Dialect):
    """One sentence for each error; invalid ones add `details`, the 429 is a body of its own."""

    def describe(self, error: ApiError, messages: Messages, request: HttpRequest) -> StatusAndBody:
        match error:
            case errors.RateLimited():
                wait = error.retry_after_seconds
                sentence = f"Rate limit exceeded. Please try again in {wait} seconds."
                return 429, RateLimitBody(sentence, wait)
            case errors.Invalid():
                sentence = sentence_of(error, whole="Request body")
                return 400, InvalidBody(error=sentence, details=_details(error.problems))
        status, sentence = _plain(error)
        return status, ErrorBody(error=sentence)


def sentence_of(error: errors.Invalid, *, whole: str) -> str:
    """Return a sentence on the first problem of an error; `whole` is the name of the object."""
    problem = error.problems[0]
    return _worded(problem, _field_of(problem) or whole)[0]


def _plain(error: ApiError) -> tuple[int, str]:
    match error:
        case errors.BadRequest():
            return 400, "Bad request"
        case errors.Forbidden():
            return 403, error.message
        case errors.MethodNotAllowed():
            return 405, "Method not allowed"
        case errors.Conflict():
            return 409, error.message
        case errors.RequestTimeout():
            return 408, "Request timed out"
        case errors.BodyTooLarge():
            return 413, "Request body is too large"
        case errors.UnsupportedMediaType():
            return 415, "Unsupported media type"
        case errors.StorageUnavailable():
            return 503, "Event storage is unavailable"
        case _:
            return 500, "Internal server error"


def _details(problems: Sequence[Problem]) -> list[FieldError]:
    """Return an entry for each bad field; what concerns the whole body has none."""
    fields = {_field_of(problem): problem for problem in reversed(problems) if problem.location}
    return [
        FieldError(field, _worded(problem, field)[1]) for field, problem in reversed(fields.items())
    ]


def _field_of(problem: Problem) -> str:
    return str(problem.location[-1]) if problem.location else ""


def _worded(problem: Problem, field: str) -> tuple[str, str]:
    if problem.code not in _MESSAGES:
        return f"{field} is invalid", problem.describe()
    sentence, message = _MESSAGES[problem.code]
    return problem.format(sentence, field=field), problem.format(message)


DIALECT = CollectDialect()
