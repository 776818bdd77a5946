"""The track dialect: {"success": false, "error": {...}} with keys for translation."""

from typing import Annotated, Any

from django.http import HttpRequest
from msgspec import Meta

from config.api import errors
from config.api.bodies import AlwaysFalse, Body
from config.api.dialects.base import Dialect, Messages, StatusAndBody
from config.api.errors import ApiError
from config.api.problems import Problem

# Neutral code to this dialect's words; a missing field has the message of a wrong type.
_MESSAGES = {
    "string_type": "{field} must be a string",
    "string_too_short": "{field} should not be empty",
    "dict_type": "{field} must be an object",
    "uuid_parsing": "{field} must be a UUID",
    "number_type": "{field} must be a number conforming to the specified constraints",
    "int_type": "{field} must be an integer number",
    "less_than_equal": "{field} must not be greater than {le}",
    "greater_than_equal": "{field} must not be less than {ge}",
    "json_invalid": "{reason}",
}


Seconds = Annotated[int, Meta(ge=1, description="Seconds.")]
RequestId = Annotated[
    str,
    Meta(description="The X-Request-Id of this answer.", extra_json_schema={"format": "uuid"}),
]


class FieldError(Body):
    """What is wrong with one field."""

    message: str


class Error(Body, rename="camel"):
    """What went wrong: for programs, for people, for translation, for support."""

    code: str
    message: str
    i18n_key: str
    i18n_vars: dict[str, int]
    details: list[FieldError]
    correlation_id: RequestId


class RateLimitError(Error, rename="camel"):
    """An explanation that also says when to come back."""

    retry_after: Seconds


class ErrorBody(Body, kw_only=True):
    """A request that was refused."""

    success: AlwaysFalse = False
    error: Error


class RateLimitBody(ErrorBody, rename="camel", kw_only=True):
    """A request beyond the rate limit."""

    error: RateLimitError
    retry_after: Seconds


class TrackDialect(Dialect):
    """Errors with all six keys, repeating the request's id; a 429 also says when to come back."""

    def describe(self, error: ApiError, messages: Messages, request: HttpRequest) -> StatusAndBody:
        status, code, message, key, variables = _plain(error)
        found = self.messages(error) if isinstance(error, errors.Invalid) else []
        details = [FieldError(each) for each in found]
        request_id: Any = getattr(request, "request_id", None)
        if isinstance(error, errors.RateLimited):
            wait = error.retry_after_seconds
            limit = RateLimitError(code, message, key, variables, details, request_id, wait)
            return status, RateLimitBody(error=limit, retry_after=wait)
        plain = Error(code, message, key, variables, details, request_id)
        return status, ErrorBody(error=plain)

    def messages(self, error: errors.Invalid) -> list[str]:
        """Return one message for each failing field, of its first problem."""
        first: dict[str, Problem] = {}
        for problem in error.problems:
            first.setdefault(str(problem.location[0]) if problem.location else "body", problem)
        return [_message(field, problem) for field, problem in first.items()]


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
        case errors.StaffOnly():
            return 403, "FORBIDDEN", error.message, "auth.forbidden", {}
        case errors.HttpsRequired():
            return 403, "FORBIDDEN", error.message, "common.forbidden", {}
        case errors.NotFound():
            return 404, "NOT_FOUND", "Route not found", "common.not_found", {}
        case errors.MethodNotAllowed():
            code, message = "METHOD_NOT_ALLOWED", "Method not allowed"
            return 405, code, message, "common.method_not_allowed", {}
        case errors.Conflict():
            return 409, "CONFLICT", error.message, "common.conflict", {}
        case errors.RequestTimeout():
            return 408, "REQUEST_TIMEOUT", "Request timed out", "common.request_timeout", {}
        case errors.BodyTooLarge():
            code, message = "PAYLOAD_TOO_LARGE", "Request body is too large"
            return 413, code, message, "common.payload_too_large", {"max": error.limit_bytes}
        case errors.UnsupportedMediaType():
            code, message = "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"
            return 415, code, message, "common.unsupported_media_type", {}
        case errors.RateLimited():
            code, variables = "THROTTLE_LIMIT_EXCEEDED", {"retryAfter": error.retry_after_seconds}
            return 429, code, "Too many requests", "throttle.limit_exceeded", variables
        case errors.ReadUnavailable():  # ingest has another word for it
            code, message = "SERVICE_UNAVAILABLE", "Statistics are unavailable"
            return 503, code, message, "common.service_unavailable", {}
        case _:
            return 500, "INTERNAL_ERROR", "Internal server error", "common.internal_error", {}


def _message(field: str, problem: Problem) -> str:
    code = problem.context.get("type_code", "") if problem.code == "missing" else problem.code
    template = _MESSAGES.get(code) or problem.message or "{field} is invalid"
    return problem.format(template, field=field)


DIALECT = TrackDialect()
