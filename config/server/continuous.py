"""The rollup under `serve`: a child process that runs `manage.py rollup --forever`.

Every host has one. For each website a lock in the database decides which of them does the work.
"""

import logging
import time

from django.conf import settings

from config.server.child import Supervisor

logger = logging.getLogger(__name__)
RESTART_SECONDS = 10


class Rollup(Supervisor):
    """Keeps the command running; at the end of a block it is stopped."""

    def __init__(self) -> None:
        super().__init__("rollup", "--forever")
        self._start_at = float("-inf")

    def tick(self) -> None:
        """Start it, or notice that it has ended; never waits."""
        if self._child.is_started:
            code = self._child.take_exit_code()
            if code is not None:
                logger.error("The rollup ended with exit code %s; it starts again.", code)
        elif settings.MAINTENANCE != "off" and time.monotonic() >= self._start_at:
            self._start_at = time.monotonic() + RESTART_SECONDS
            self._start()

    def _start(self) -> None:
        try:
            self._child.start()
        except OSError as error:
            logger.error("The rollup cannot be started now: %s", error)
