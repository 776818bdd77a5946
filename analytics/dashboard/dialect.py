"""The dashboard's dialect: its own errors are one sentence, {"error": sentence}."""

from django.http import HttpRequest

from config.api import errors
from config.api.bodies import Body
from config.api.dialects.base import Messages, StatusAndBody
from config.api.dialects.flat import FlatDialect
from config.api.errors import ApiError


class Sentence(Body):
    """What went wrong, for people."""

    error: str


class DashboardDialect(FlatDialect):
    """Sentences for what only the dashboard says; the rest is flat, with a code."""

    def describe(self, error: ApiError, messages: Messages, request: HttpRequest) -> StatusAndBody:
        match error:
            case errors.MissingParameter():
                return 400, Sentence(f"{error.name} is required")
            case errors.Forbidden():
                return 403, Sentence(error.message)
            case errors.StorageUnavailable():
                return 503, Sentence(messages.unavailable)
        status, body = super().describe(error, messages, request)
        return status, Sentence(messages.failed) if status == 500 else body


DIALECT = DashboardDialect()
