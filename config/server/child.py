"""A command that runs beside the server, as a child process of `serve`"""

import os
import subprocess
import sys
from typing import Self

from django.conf import settings

from config.server.serving import stop_with_parent

STOP_SECONDS = 1


class Child:
    """A command of manage.py, of which one process runs at a time."""

    def __init__(self, *arguments: str) -> None:
        self._command = (sys.executable, "manage.py", *arguments)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_started(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start it; raise OSError when the machine has no room for a process."""
        self._process = subprocess.Popen(
            self._command,
            cwd=settings.BASE_DIR,
            env=os.environ | {"VAR_DIR": str(settings.VAR_DIR)},
            stdout=subprocess.DEVNULL,  # it logs to stderr
            start_new_session=True,  # a Ctrl-C is passed on by terminate()
            preexec_fn=stop_with_parent(),
        )

    def take_exit_code(self) -> int | None:
        """Return how it has ended, once; None while it runs."""
        code = self._process.poll() if self._process else None
        if code is not None:
            self._process = None
        return code

    def terminate(self) -> None:
        """Tell it to stop, without waiting for its end."""
        if self._process:
            self._process.terminate()

    def stop(self) -> None:
        """Stop it; what it has committed until now stays."""
        self.terminate()
        if self._process:
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class Supervisor:
    """Starts a command when it is due; at the end of a block it is stopped."""

    def __init__(self, *arguments: str) -> None:
        self._child = Child(*arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._child.stop()

    def restart(self) -> None:
        """Stop the command; the next tick starts it, with the code that is there then."""
        self._child.stop()
        self._child.take_exit_code()

    def terminate(self) -> None:
        """Tell the command to stop, without waiting for its end."""
        self._child.terminate()
