"""The track dialect: {"success": false, "error": {...}} with keys for translation."""

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

# Neutral code to this dialect's words; a missing field is told as one of the wrong type.
_MESSAGES = {
    "string_type": "{field} must be a string",
    "dict_type": "{field} must be an object",
    "uuid_type": "{field} must be a UUID",
    "number_type": "{field} must be a number conforming to the specified constraints",
    "int_type": "{field} must be an integer number",
    "less_than_equal": "{field} must not be greater than {le}",
    "greater_than_equal": "{field} must not be less than {ge}",
    "json_invalid": "{reason}",
}


class TrackDialect(Dialect):
    """Errors with all six keys, repeating the request's id; a 429 also says when to come back."""

    def describe(
        self, error: ApiError, messages: Messages, request: HttpRequest
    ) -> tuple[int, Any]:
        status, code, message, i18n_key, variables = _plain(error)
        told: dict[str, Any] = {
            "code": code,
            "message": message,
            "i18nKey": i18n_key,
            "i18nVars": variables,
            "details": _details(error.problems) if isinstance(error, errors.Invalid) else [],
            "correlationId": getattr(request, "request_id", None),
        }
        body = {"success": False, "error": told}
        if isinstance(error, errors.RateLimited):
            told["retryAfter"] = body["retryAfter"] = error.retry_after_seconds
        return status, body

    def body_type(self, error: ApiError) -> type[Answer]:
        return LimitRefusal if isinstance(error, errors.RateLimited) else Refusal


class Message(Answer):
    """What is wrong with one field."""

    message = serializers.CharField()


class Explanation(Answer):
    """What went wrong: for programs, for people, for translation, for support."""

    code = serializers.CharField()
    message = serializers.CharField()
    i18nKey = serializers.CharField()
    i18nVars = serializers.DictField(child=serializers.IntegerField())
    details = serializers.ListField(child=Message())
    correlationId = serializers.UUIDField(help_text="The X-Request-Id of this answer.")


class LimitExplanation(Explanation):
    """An explanation that also says when to come back."""

    retryAfter = serializers.IntegerField(min_value=1, help_text="Seconds.")


class Refusal(Answer):
    """A request that was refused."""

    success = serializers.ChoiceField([False])
    error = Explanation()


class LimitRefusal(Refusal):
    """A request beyond the rate limit."""

    error = LimitExplanation()
    retryAfter = serializers.IntegerField(min_value=1, help_text="Seconds.")


def _plain(error: ApiError) -> tuple[int, str, str, str, dict[str, Any]]:
    match error:
        case errors.Invalid():
            return 400, "VALIDATION_ERROR", "Validation failed", "common.validation_failed", {}
        case errors.EventDataTooLarge():
            code, message = "ANALYTICS_EVENT_INVALID_DATA", "Event data is invalid or too large"
            return 400, code, message, "analytics.event.invalid_data", {"max": error.limit_bytes}
        case errors.BadRequest():
            return 400, "BAD_REQUEST", "Bad request", "common.bad_request", {}
        case errors.NotAuthenticated():
            return 401, "AUTH_UNAUTHORIZED", "Authentication required", "auth.unauthorized", {}
        case errors.InvalidCredentials():
            return 401, "AUTH_UNAUTHORIZED", "Invalid or expired token", "auth.unauthorized", {}
        case errors.NotFound():
            return 404, "NOT_FOUND", "Route not found", "common.not_found", {}
        case errors.MethodNotAllowed():
            code, message = "METHOD_NOT_ALLOWED", "Method not allowed"
            return 405, code, message, "common.method_not_allowed", {}
        case errors.BodyTooLarge():
            code, message = "PAYLOAD_TOO_LARGE", "Request body is too large"
            return 413, code, message, "common.payload_too_large", {"max": error.limit_bytes}
        case errors.UnsupportedMediaType():
            code, message = "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"
            return 415, code, message, "common.unsupported_media_type", {}
        case errors.RateLimited():
            code, variables = "THROTTLE_LIMIT_EXCEEDED", {"retryAfter": error.retry_after_seconds}
            return 429, code, "Too many requests", "throttle.limit_exceeded", variables
        case _:
            return 500, "INTERNAL_ERROR", "Internal server error", "common.internal_error", {}


def _details(problems: Sequence[Problem]) -> list[dict[str, str]]:
    """Return one message for each failing field, of its first problem."""
    first: dict[str, Problem] = {}
    for problem in problems:
        first.setdefault(str(problem.location[0]) if problem.location else "body", problem)
    return [{"message": _message(field, problem)} for field, problem in first.items()]


def _message(field: str, problem: Problem) -> str:
    code = problem.context["type_code"] if problem.code == "missing" else problem.code
    return _MESSAGES[code].format(**problem.context, field=field)


DIALECT = TrackDialect()
