"""Daily maintenance under `serve`: a child process that runs `manage.py maintenance`.

Every host starts it once on each day of UTC. Which host does the work is decided by a lock in the
database; the others try again, and find it done.
"""

import logging
import time
from datetime import UTC, date, datetime

from django.conf import settings

from config.server.child import Supervisor

logger = logging.getLogger(__name__)
RETRY_SECONDS = 600
EXPLAINED = (1, 75)  # exit codes of a run that failed and logged why, or that another host does


class Maintenance(Supervisor):
    """Starts the command when its time has come; at the end of a block it is stopped."""

    def __init__(self) -> None:
        super().__init__("maintenance")
        self._started_on = self._done_on = date.min
        self._retry_at = float("-inf")

    def tick(self) -> None:
        """Start a run that is due, or notice the end of one; never waits."""
        if self._child.is_started:
            self._check_end()
        elif self._is_due():
            self._start()

    def _start(self) -> None:
        self._started_on = _today()
        try:
            self._child.start()
        except OSError as error:
            logger.error("Maintenance cannot be started now: %s", error)
            self._retry_at = time.monotonic() + RETRY_SECONDS

    def _is_due(self) -> bool:
        is_on = settings.MAINTENANCE == "daily"
        return is_on and self._done_on < _today() and time.monotonic() >= self._retry_at

    def _check_end(self) -> None:
        code = self._child.take_exit_code()
        if code is None:
            return
        if code == 0:
            self._done_on = self._started_on
            return
        if code not in EXPLAINED:
            logger.error("Maintenance ended with exit code %s", code)
        # Another host that is at work may not come to its end.
        self._retry_at = time.monotonic() + RETRY_SECONDS


def _today() -> date:
    return datetime.now(UTC).date()
