"""Daily maintenance under `serve`: a child process that runs `manage.py maintenance`.

Every host starts it once on each day of UTC. Which host does the work is decided by a lock in the
database; the others try again, and find it done.
"""

import logging
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from typing import Self

from django.conf import settings

from config.server.serving import stop_with_parent

logger = logging.getLogger(__name__)
RETRY_SECONDS = 600
STOP_SECONDS = 1
EXPLAINED = (1, 75)  # exit codes of a run that failed and logged why, or that another host does
COMMAND = (sys.executable, "manage.py", "maintenance")


class Maintenance:
    """Starts the command when its time has come; at the end of a block it is stopped."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._started_on = self._done_on = date.min
        self._retry_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop a run; what it has done until now stays done."""
        self.terminate()
        if self._process:
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def terminate(self) -> None:
        """Tell a run to stop, without waiting for its end."""
        if self._process:
            self._process.terminate()

    def tick(self) -> None:
        """Start a run that is due, or notice the end of one; never waits."""
        if self._process:
            self._check_end(self._process)
        elif self._is_due():
            self._start()

    def _start(self) -> None:
        self._started_on = _today()
        try:
            self._process = subprocess.Popen(
                COMMAND,
                cwd=settings.BASE_DIR,
                env=os.environ | {"VAR_DIR": str(settings.VAR_DIR)},
                stdout=subprocess.DEVNULL,  # it logs to stderr
                start_new_session=True,  # a Ctrl-C is passed on by terminate()
                preexec_fn=stop_with_parent(),
            )
        except OSError as error:
            logger.error("Maintenance cannot be started now: %s", error)
            self._retry_at = time.monotonic() + RETRY_SECONDS

    def _is_due(self) -> bool:
        is_on = settings.MAINTENANCE == "daily"
        return is_on and self._done_on < _today() and time.monotonic() >= self._retry_at

    def _check_end(self, process: "subprocess.Popen[bytes]") -> None:
        code = process.poll()
        if code is None:
            return
        self._process = None
        if code == 0:
            self._done_on = self._started_on
            return
        if code not in EXPLAINED:
            logger.error("Maintenance ended with exit code %s", code)
        # Another host that is at work may not come to its end.
        self._retry_at = time.monotonic() + RETRY_SECONDS


def _today() -> date:
    return datetime.now(UTC).date()
