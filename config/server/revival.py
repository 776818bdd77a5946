"""Restart of an embedded PostgreSQL that has died, as often as it takes"""

import logging
import time
from collections.abc import Callable

from config.db.postgres_programs import EmbeddedPostgresError

logger = logging.getLogger(__name__)
RETRY_SECONDS = 5


class Revival:
    """A watch of `serve`: nothing else would start the server again.

    Where it cannot be started, as on a disk that is full, the service goes on without it.
    """

    def __init__(self, revive: Callable[[], object]) -> None:
        self._revive = revive
        self._retry_at = float("-inf")

    def tick(self) -> None:
        """Start the server if it has died, or try again after some seconds."""
        if time.monotonic() < self._retry_at:
            return
        try:
            self._revive()
        except (EmbeddedPostgresError, OSError) as error:
            logger.error("PostgreSQL cannot be started now, which is tried again: %s", error)
            self._retry_at = time.monotonic() + RETRY_SECONDS
