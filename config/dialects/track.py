"""The track dialect: {"success": false, "error": {...}} with keys for translation."""

from typing import Any

from django.http import HttpRequest

from config import errors
from config.dialects.base import Dialect, Words
from config.errors import ApiError


class TrackDialect(Dialect):
    """Errors with all six keys, repeating the request's id."""

    name = "track"

    def describe(self, error: ApiError, words: Words, request: HttpRequest) -> tuple[int, Any]:
        status, code, message, i18n_key, variables = _plain(error)
        details: dict[str, Any] = {
            "code": code,
            "message": message,
            "i18nKey": i18n_key,
            "i18nVars": variables,
            "details": [],
            "correlationId": getattr(request, "request_id", None),
        }
        return status, {"success": False, "error": details}


def _plain(error: ApiError) -> tuple[int, str, str, str, dict[str, Any]]:
    match error:
        case errors.BadRequest():
            return 400, "BAD_REQUEST", "Bad request", "common.bad_request", {}
        case errors.NotFound():
            return 404, "NOT_FOUND", "Route not found", "common.not_found", {}
        case _:
            return 500, "INTERNAL_ERROR", "Internal server error", "common.internal_error", {}


DIALECT = TrackDialect()
