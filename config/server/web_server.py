"""The web server, gunicorn, on a socket that outlives it: a newer one can take its place.

The old one serves until all workers of the newer one are ready, and then answers what is under way.
So no connection is refused, and code that does not start changes nothing.
"""

import errno
import logging
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, Self

from django.conf import settings
from django.db import connections

from config.server.serving import ServingError, stop_with_parent

logger = logging.getLogger(__name__)
READY_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 15
WATCH_SECONDS = 1
Process = subprocess.Popen[bytes]


class WebServer:
    """Runs gunicorn for a block, which begins once all workers serve.

    Raises ServingError when the port cannot be had, which is known before the block.
    """

    def __init__(self) -> None:
        self._socket = _bound_socket()
        self._process: Process
        self._is_restart_due = False

    def __enter__(self) -> Self:
        connections.close_all()
        if settings.WORKERS > 1:  # which share their metrics, beginning with none
            shutil.rmtree(settings.METRICS_DIR, ignore_errors=True)
            settings.METRICS_DIR.mkdir(parents=True)
        self._process = _start(self._socket)
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()  # so that clients are refused as soon as gunicorn stops to listen
        _stop(self._process, signal.SIGQUIT)

    def request_restart(self) -> None:
        """Restart soon; for a handler of a signal."""
        self._is_restart_due = True

    def wait_for_end(
        self, *watches: Callable[[], object], on_restart: Callable[[], object]
    ) -> NoReturn:
        """Wait while gunicorn runs, and restart it when that is due; raise ServingError at its end.

        The watches are called every second. One of them restarts an embedded PostgreSQL that dies.
        """
        while self._process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(WATCH_SECONDS)
            for watch in watches:
                watch()
            if self._is_restart_due:
                self._is_restart_due = False
                if self._restart():
                    on_restart()
        raise ServingError(_end_of(self._process))

    def _restart(self) -> bool:
        """Let a new gunicorn, with the code that is there now, take the place of the old one.

        Return whether it did.
        """
        logger.info("A new server starts; the old one serves until it is ready.")
        try:
            _require_migrations()
            process = _start(self._socket)
        except (ServingError, OSError) as error:
            logger.error("The old server goes on, as the new one cannot start: %s", error)
            return False
        old, self._process = self._process, process
        _stop(old, signal.SIGTERM)
        logger.info("The new server has taken over.")
        return True


def _bound_socket() -> socket.socket:
    """Return a socket at the port, on which gunicorn will listen; raises ServingError."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.HOST, settings.PORT, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {settings.PORT} is in use; set PORT to another one."
        else:
            message = f"Cannot listen on {settings.HOST} port {settings.PORT}: {error.strerror}."
        raise ServingError(message) from error
    return bound


def _require_migrations() -> None:
    """Raise ServingError unless the databases have all migrations of the code that is there now."""
    command = [sys.executable, "manage.py", "upgrade", "--check"]
    try:
        run = subprocess.run(
            command,
            cwd=settings.BASE_DIR,
            text=True,
            capture_output=True,
            check=False,
            timeout=READY_TIMEOUT_SECONDS,  # of a database that is frozen
        )
    except subprocess.TimeoutExpired as error:
        raise ServingError("manage.py upgrade --check does not end: is a database away?") from error
    if run.returncode:
        raise ServingError(f"manage.py upgrade --check says: {run.stdout}{run.stderr}")


def _start(listener: socket.socket) -> Process:
    """Start gunicorn on a socket; return once all workers serve, or raise ServingError."""
    ready, tell = os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn"),
            *("--config", "python:config.server.gunicorn_settings"),
            *("--bind", f"fd://{listener.fileno()}"),
            *("--workers", str(settings.WORKERS)),
            *("--logger-class", f"config.server.gunicorn_logs.{settings.LOG_FORMAT.title()}Logger"),
            "config.wsgi:application",
        ],
        cwd=settings.BASE_DIR,
        env=_environment(tell),
        pass_fds=[listener.fileno(), tell],
        start_new_session=True,  # a Ctrl-C must reach this process only, which stops gunicorn first
        preexec_fn=stop_with_parent(),
    )
    os.close(tell)
    try:
        _wait_until_ready(ready, process)
    except BaseException:
        _stop(process, signal.SIGQUIT)
        raise
    finally:
        os.close(ready)
    return process


def _environment(tell: int) -> dict[str, str]:
    shared = {"PROMETHEUS_MULTIPROC_DIR": str(settings.METRICS_DIR)}
    mine = {"VAR_DIR": str(settings.VAR_DIR), "READY_FD": str(tell)}
    return os.environ | mine | (shared if settings.WORKERS > 1 else {})


def _wait_until_ready(ready: int, process: Process) -> None:
    """Wait until each worker has sent a byte."""
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    missing = settings.WORKERS
    while missing > 0:
        if not select.select([ready], [], [], max(0, deadline - time.monotonic()))[0]:
            raise ServingError(f"Its workers are not ready after {READY_TIMEOUT_SECONDS} seconds.")
        came = len(os.read(ready, missing))
        if not came:
            process.wait()
            raise ServingError(_end_of(process))
        missing -= came


def _end_of(process: Process) -> str:
    return f"The server stopped by itself with exit code {process.returncode}."


def _stop(process: Process, how: signal.Signals) -> None:
    """Stop gunicorn: SIGTERM lets clients that keep a connection come once more."""
    try:
        process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # also the workers, if their parent was killed
        process.wait()
