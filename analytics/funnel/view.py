"""The base view of the track API, which looks successful whatever becomes of an event."""

import logging
from typing import ClassVar

from django.http import HttpResponse

from config import runtime
from config.api import registry
from config.api.bodies import Body
from config.api.errors import RowRefused, StorageUnavailable
from config.api.outcomes import Dropped, Outcome
from config.api.view import ApiView, as_api_error

logger = logging.getLogger(__name__)


class TrackView(ApiView):
    """A path of the track API.

    A handler raises Dropped for an event that will not be stored. That, and a write that fails, is
    a 200 with `body_if_dropped`; only X-Event-Outcome says what happened.
    """

    api = registry.TRACK
    body_if_dropped: ClassVar[Body]

    def require_tracking(self) -> None:
        """Raise Dropped while staff have switched the API off."""
        if not runtime.is_on("tracking_enabled"):
            raise Dropped(Outcome.KILL_SWITCH)

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        if isinstance(exc, Dropped):
            return self.respond(200, self.body_if_dropped, exc.outcome)
        error = as_api_error(exc)
        if isinstance(error, StorageUnavailable | RowRefused):
            logger.warning("Event not stored: %s", type(error).__name__)  # it was logged why
            return self.respond(200, self.body_if_dropped, Outcome.WRITE_FAILED)
        return super().handle_exception(error)
