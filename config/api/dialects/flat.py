"""The flat dialect of events, accounts and websites: {"error": CODE, "message": sentence}."""

from collections.abc import Sequence
from typing import Annotated, Self

from django.http import HttpRequest
from msgspec import Meta

from config.api import errors
from config.api.bodies import Body
from config.api.dialects.base import JSON_TYPES, Dialect, Messages, StatusAndBody
from config.api.errors import ApiError, Problem

MAX_MESSAGES = 100  # for one field; a batch has one for all its items

# Neutral code, or field and code, to this dialect's words.
_MESSAGES: dict[str | tuple[str, str], str] = {
    "missing": "Required",
    "string_type": "Expected string, received {received}",
    "number_type": "Expected number, received {received}",
    "bool_type": "Expected boolean, received {received}",
    "dict_type": "Expected object, received {received}",
    "list_type": "Expected array, received {received}",
    "enum_type": "Expected {expected}, received {received}",
    "enum": "Invalid enum value. Expected {expected}, received '{input:.64}'",
    "json_invalid": "{reason}",
    "uuid_parsing": "Invalid uuid",
    "timestamp_range": "Timestamp out of range",
    "timestamp_mismatch": "Timestamp does not match id",
    "too_short": "At least one event is required",
    "too_long": "Array must contain at most {max_length} element(s)",
    ("properties", "too_large"): "Properties exceed {max_bytes} bytes",
    ("trackingCode", "string_too_short"): "Tracking code is required",
    ("trackingCode", "string_pattern_mismatch"): "Invalid tracking code format",
    ("url", "url_parsing"): "Invalid URL",
    ("url", "string_too_short"): "URL is required",
    ("url", "string_too_long"): "URL too long",
    ("referrer", "url_parsing"): "Invalid referrer URL",
    ("referrer", "string_too_long"): "Referrer URL too long",
    ("sessionId", "string_too_short"): "Session ID is required",
    ("sessionId", "string_too_long"): "Session ID too long",
    ("visitorId", "string_too_short"): "Visitor ID is required",
    ("visitorId", "string_too_long"): "Visitor ID too long",
    ("browser", "string_too_long"): "Browser name too long",
    ("os", "string_too_long"): "OS name too long",
    ("location", "string_too_long"): "Location too long",
    ("cursor", "uuid_parsing"): "Invalid cursor",
    ("email", "string_pattern_mismatch"): "Invalid email address",
    ("email", "string_too_short"): "Email must be at least {min_length} characters",
    ("email", "string_too_long"): "Email must be at most {max_length} characters",
    ("password", "password_empty"): "Password is required",
    ("password", "string_too_short"): "Password must be at least {min_length} characters",
    ("password", "string_too_long"): "Password must be at most {max_length} characters",
    ("password", "uppercase_missing"): "Password must contain at least one uppercase letter",
    ("password", "lowercase_missing"): "Password must contain at least one lowercase letter",
    ("password", "digit_missing"): "Password must contain at least one number",
    ("refreshToken", "string_too_short"): "Refresh token is required",
    # A user's name has a minimum of two characters, a website's of one.
    ("name", "string_too_short"): "Name must be at least {min_length} characters",
    ("name", "string_too_long"): "Name must be at most {max_length} characters",
    ("name", "website_name_empty"): "Website name is required",
    ("name", "website_name_too_long"): "Website name must be less than {max_length} characters",
    ("domain", "string_too_short"): "Domain is required",
    ("domain", "url_parsing"): "Invalid domain URL",
    ("domain", "string_too_long"): "Domain must be less than {max_length} characters",
    ("description", "string_too_long"): "Description must be less than {max_length} characters",
}


class ErrorBody(Body):
    """What went wrong: a code for programs, a sentence for people."""

    error: str
    message: str


class Details(Body, rename="camel"):
    """Every broken rule: of the body as a whole, and of its fields."""

    form_errors: list[str]
    field_errors: dict[str, Annotated[list[str], Meta(max_length=MAX_MESSAGES)]]

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> Self:
        """Return the messages of problems, by the first step of their location."""
        form: list[str] = []
        fields: dict[str, list[str]] = {}
        for problem in problems:
            place = problem.location
            messages = fields.setdefault(str(place[0]), []) if place else form
            if len(messages) < MAX_MESSAGES:
                messages.append(_message(problem))
        return cls(form, fields)


class InvalidBody(ErrorBody):
    """A body, or a query, that breaks rules."""

    details: Details


class FlatDialect(Dialect):
    """Flat errors with a code and a message; validation errors add zod's `details`."""

    def describe(self, error: ApiError, messages: Messages, request: HttpRequest) -> StatusAndBody:
        if isinstance(error, errors.Invalid):
            details = Details.of(error.problems)
            return 400, InvalidBody("VALIDATION_ERROR", messages.invalid, details)
        status, code, message = _plain(error, messages)
        return status, ErrorBody(code, message)


def _plain(error: ApiError, messages: Messages) -> tuple[int, str, str]:
    match error:
        case errors.BadRequest():
            return 400, "BAD_REQUEST", "Bad request"
        case errors.MissingParameter():
            return 400, "MISSING_PARAMETER", f"{error.name} query parameter is required"
        case errors.NotAuthenticated():
            return 401, "UNAUTHORIZED", "Missing or invalid authorization header"
        case errors.InvalidCredentials():
            return 401, "UNAUTHORIZED", error.message or "Invalid or expired token"
        case errors.Forbidden():
            return 403, "FORBIDDEN", error.message
        case errors.NotFound():
            return 404, "NOT_FOUND", error.message
        case errors.MethodNotAllowed():
            return 405, "METHOD_NOT_ALLOWED", "Method not allowed"
        case errors.Conflict():
            return 409, "CONFLICT", error.message
        case errors.BodyTooLarge():
            return 413, "PAYLOAD_TOO_LARGE", "Request body is too large"
        case errors.UnsupportedMediaType():
            return 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"
        case errors.RateLimited():
            return 429, "RATE_LIMITED", "Too many requests"
        case errors.StorageUnavailable():
            return 503, "SERVICE_UNAVAILABLE", messages.unavailable
        case _:
            return 500, messages.failed_code, messages.failed


def _message(problem: Problem) -> str:
    field = next((step for step in reversed(problem.location) if isinstance(step, str)), "")
    template = _MESSAGES.get((field, problem.code)) or _MESSAGES[problem.code]
    context = dict(problem.context)
    if "expected" in context:
        context["expected"] = " | ".join(f"'{choice}'" for choice in context["expected"])
    received = JSON_TYPES[type(problem.input)]
    return template.format(**context, input=problem.input, received=received)


DIALECT = FlatDialect()
