"""The platform dialect: {"detail": sentence}, and pydantic's list for what is invalid."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from django.http import HttpRequest
from msgspec import UNSET, Meta, UnsetType

from config.api import errors, request_body
from config.api.bodies import Body
from config.api.dialects.base import Dialect, Messages, StatusAndBody
from config.api.errors import ApiError
from config.api.problems import Problem

MAX_INPUT_BYTES = 1024  # of a wrong value in a response

PydanticError = tuple[str, str, dict[str, Any] | None]  # type, msg and ctx


class ErrorBody(Body):
    """What went wrong, in a sentence."""

    detail: str


class BrokenRule(Body):
    """One broken rule, in pydantic's words."""

    type: str
    loc: Annotated[list[Any], Meta(description="The way to the value: names, and places in lists.")]
    msg: str
    input: Annotated[Any, Meta(description="The wrong value, null in place of a large one.")]
    ctx: dict[str, Any] | UnsetType = UNSET

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Return the rule that a problem breaks."""
        type, message, context = _pydantic_error(problem)
        ctx = UNSET if context is None else context
        return cls(type, _location(problem), message, _input(problem), ctx)


class InvalidBody(Body):
    """Every broken rule of a body."""

    detail: Annotated[list[BrokenRule], Meta(min_length=1)]


class PlatformDialect(Dialect):
    """A sentence for each error, but a list of problems for an invalid body."""

    def describe(self, error: ApiError, messages: Messages, request: HttpRequest) -> StatusAndBody:
        if isinstance(error, errors.Invalid):
            return 422, InvalidBody([BrokenRule.of(problem) for problem in error.problems])
        status, detail = _plain(error)
        return status, ErrorBody(detail)


def _plain(error: ApiError) -> tuple[int, str]:
    match error:
        case errors.BadRequest():
            return 400, "Bad Request"
        case errors.NotAuthenticated():
            return 401, "Not authenticated"
        case errors.InvalidCredentials():
            return 401, "Invalid or expired token"
        case errors.HttpsRequired() | errors.StaffOnly():
            return 403, error.message
        case errors.MethodNotAllowed():
            return 405, "Method Not Allowed"
        case errors.Conflict():
            return 409, error.message
        case errors.RequestTimeout():
            return 408, "Request timed out"
        case errors.BodyTooLarge():
            return 413, "Request body is too large"
        case errors.UnsupportedMediaType():
            return 415, "Unsupported Media Type"
        case errors.StorageUnavailable():
            return 503, "Event storage is unavailable"
        case _:
            return 500, "Internal Server Error"


def _pydantic_error(problem: Problem) -> PydanticError:
    """Return the type, the message and the context of a problem in pydantic's words."""
    context, location = problem.context, problem.location
    match problem.code, context:
        case "dict_type", _ if not location and problem.input is None:
            return "missing", "Field required", None
        case "dict_type", _ if not location or isinstance(location[-1], int):
            subject = "a valid dictionary or object to extract fields from"
            return "model_attributes_type", f"Input should be {subject}", None
        case ("string_too_short", {"min_length": _}) | ("string_too_long", {"max_length": _}):
            return problem.code, _length("String", "character", context), context
        case ("too_short", {"min_length": _}) | ("too_long", {"max_length": _}):
            actual = len(problem.input)
            message = f"{_length('List', 'item', context)} after validation, not {actual}"
            return problem.code, message, {"field_type": "List", **context, "actual_length": actual}
        case "enum" | "enum_type", {"expected": choices}:
            expected = _either(choices)
            return "enum", f"Input should be {expected}", {"expected": expected}
        case "too_large", _:
            return _value_error(problem.format("Properties exceed {max_bytes} bytes"))
        case "timestamp_mismatch", _:
            return _value_error(problem.describe())
        case "timestamp_range", _:
            return _value_error("Timestamp out of range")
        case "datetime_from_date_parsing", {"error": reason}:
            return problem.code, f"{_PLAIN['datetime_type']} or date, {reason}", context
        case "header_uuid" | "uuid_parsing", _:
            return "uuid_parsing", "Input should be a valid UUID", None
        case "json_invalid", {"reason": reason}:
            return problem.code, "JSON decode error", {"error": reason}
        case _:
            return problem.code, _PLAIN.get(problem.code) or problem.describe(), None


_PLAIN = {
    "missing": "Field required",
    "string_type": "Input should be a valid string",
    "dict_type": "Input should be a valid dictionary",
    "list_type": "Input should be a valid list",
    "datetime_type": "Input should be a valid datetime",
}


def _length(kind: str, unit: str, context: dict[str, Any]) -> str:
    bound, limit = "at least", context.get("min_length")
    if limit is None:
        bound, limit = "at most", context["max_length"]
    return f"{kind} should have {bound} {limit} {unit}{'' if limit == 1 else 's'}"


def _value_error(error: str) -> PydanticError:
    return "value_error", f"Value error, {error}", {"error": error}


def _either(choices: Sequence[str]) -> str:
    *most, last = (f"'{choice}'" for choice in choices)
    return f"{', '.join(most)} or {last}"


def _location(problem: Problem) -> list[str | int]:
    match problem.code, problem.context:
        case "header_uuid", {"header": name}:
            return ["header", name]
        case "json_invalid", {"position": position}:
            return ["body", position]
        case _:
            return ["body", *problem.location]


def _input(problem: Problem) -> Any:
    """Return the wrong value, or null in place of a large one."""
    if problem.code == "json_invalid":
        return {}
    return problem.input if request_body.compact(problem.input)[1] <= MAX_INPUT_BYTES else None


DIALECT = PlatformDialect()
