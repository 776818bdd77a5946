"""Errors of the APIs, without any wire format: a dialect words them for its API."""

from functools import cached_property
from typing import Any

from rest_framework.exceptions import ValidationError

from config.api.problems import Problem, detail_of


class ApiError(Exception):
    """A request that ends otherwise than its client hoped."""


class BadRequest(ApiError):
    """Refused before its route was found, for instance for a host that is not served."""


class Invalid(ApiError, ValidationError):
    """The body, or the query, breaks rules; all of them are in `problems`, in order.

    It is DRF's ValidationError, of which a serializer makes its `errors`.
    """

    detail: Any = cached_property(lambda self: detail_of(self.problems))

    def __init__(self, *problems: Problem) -> None:
        Exception.__init__(self, problems)  # DRF's would build `detail`, which few need
        self.problems = problems


class MissingParameter(ApiError):
    """A query parameter without which nothing can be said."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NotAuthenticated(ApiError):
    """No credentials came."""


class InvalidCredentials(ApiError):
    """Credentials came that open nothing; `message` where an API has its own words for it."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message)
        self.message = message


class Forbidden(ApiError):
    """The caller is known and may not."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StaffOnly(Forbidden):
    """The caller is known, and not on the staff."""

    def __init__(self) -> None:
        super().__init__("Not allowed")


class HttpsRequired(Forbidden):
    """The request came in clear."""

    def __init__(self) -> None:
        super().__init__("HTTPS is required")


class NotFound(ApiError):
    """What the request names does not exist for this caller."""

    def __init__(self, message: str = "Route not found") -> None:
        super().__init__(message)
        self.message = message


class MethodNotAllowed(ApiError):
    """The path exists, without this method."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(allowed)
        self.allowed = allowed


class Conflict(ApiError):
    """What the request would make exists already."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestTimeout(ApiError):
    """The body has not come whole in time."""


class BodyTooLarge(ApiError):
    """The body is too large; it may have `limit_bytes` bytes."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.limit_bytes = limit_bytes


class EventDataTooLarge(ApiError):
    """The event data is too large, where that is no matter of fields; it may have `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.limit_bytes = limit_bytes


class UnsupportedMediaType(ApiError):
    """The body is of a type, or in an encoding, that the route does not read."""


class RateLimited(ApiError):
    """Too many requests; the caller may come back after `retry_after_seconds`."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


class SwitchedOff(ApiError):
    """Staff have switched the API off, and it says so."""


class StorageUnavailable(ApiError):
    """A database refuses, is away, or did not confirm in time."""


class ReadUnavailable(StorageUnavailable):
    """A database does not answer a question in time."""


class RowRefused(ApiError):
    """The database refuses one row for itself."""
