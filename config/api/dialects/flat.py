"""The flat dialect of events, accounts and websites: {"error": CODE, "message": sentence}."""

from collections.abc import Sequence
from typing import Annotated, Self

from django.http import HttpRequest
from msgspec import Meta

from config.api import errors
from config.api.bodies import Body
from config.api.dialects.base import Dialect, Messages, StatusAndBody
from config.api.errors import ApiError
from config.api.problems import Problem

MAX_MESSAGES = 100  # for one field; a batch has one for all its items


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
                messages.append(problem.describe())
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
        case errors.RequestTimeout():
            return 408, "REQUEST_TIMEOUT", "Request timed out"
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


DIALECT = FlatDialect()
