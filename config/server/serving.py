"""The server: gunicorn, and on a first run the embedded PostgreSQL, which outlives it."""

import contextlib
import ctypes
import errno
import http.client
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from django.conf import settings
from django.db import OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from config import runtime
from config.db.embedded_postgres import EmbeddedPostgres
from config.db.postgres_settings import fitting_settings

logger = logging.getLogger(__name__)
READY_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 15
WATCH_SECONDS = 1
PR_SET_PDEATHSIG = 1
OTHER_CONNECTIONS = 9  # of a worker: seven writers, the outcome counts, the health check


class ServingError(Exception):
    """The server cannot run, for the reason in the message."""


def stop_on_signals() -> None:
    """Raise SystemExit(0) at the first SIGTERM, SIGINT or SIGHUP, so that blocks clean up."""
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
        numbers.append(signal.SIGHUP)

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for each in numbers:  # a second Ctrl-C must not interrupt the clean-up
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(0)

    for number in numbers:
        signal.signal(number, stop)


def require_free_port() -> None:
    """Raise ServingError unless the server can listen on the port."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.HOST, settings.PORT, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {settings.PORT} is in use; set PORT to another one."
        else:
            message = f"Cannot listen on {settings.HOST} port {settings.PORT}: {error.strerror}."
        raise ServingError(message) from error


@contextlib.contextmanager
def databases() -> Iterator[EmbeddedPostgres | None]:
    """Run the embedded PostgreSQL with both databases, unless URLs of servers are set."""
    if not settings.EMBEDDED:
        yield None
        return
    wanted = connections_wanted() * len(settings.DATABASES)
    options = fitting_settings(settings.VAR_DIR / "postgres")
    options["max_connections"] = str(max(200, wanted + 20))
    with EmbeddedPostgres(settings.VAR_DIR, options=options) as server:
        for database in settings.DATABASES.values():
            server.create_database(database["NAME"])
        yield server


def connections_wanted() -> int:
    """Return the number of connections that this host may open to each database."""
    return settings.WORKERS * (settings.DB_CONNECTIONS + OTHER_CONNECTIONS)


def require_migrations() -> bool:
    """Raise ServingError unless both databases have all migrations; return whether both answer.

    One may be away where this host has served before, and can spool.
    """
    are_up = True
    for alias in settings.DATABASES:
        try:
            pending = pending_migrations(alias)
        except OperationalError as error:
            message = f"The database '{alias}' does not answer: {error}"
            if not (settings.SPOOL_BYTES and runtime.is_known_here()):
                raise ServingError(message) from error
            logger.warning("%s", message)
            are_up = False
            continue
        if pending:
            raise ServingError(
                f"The database '{alias}' lacks migrations; "
                f"run: python manage.py migrate --database {alias}"
            )
    return are_up


def pending_migrations(alias: str) -> list[str]:
    """Return the migrations that a database lacks, such as `analytics 0001_initial`."""
    executor = MigrationExecutor(connections[alias])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label} {migration.name}" for migration, _ in plan]


def address(path: str = "/") -> str:
    """Return the URL of the server on this machine."""
    return f"http://{_bracketed(_own_host())}:{settings.PORT}{path}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _own_host() -> str:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    return everywhere.get(settings.HOST, settings.HOST)


@contextlib.contextmanager
def gunicorn() -> Iterator[subprocess.Popen[bytes]]:
    """Run gunicorn for a block, which begins once it responds."""
    connections.close_all()
    logger = "JsonLogger" if settings.LOG_FORMAT == "json" else "TextLogger"
    process = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "gunicorn",
                "--config",
                "python:config.server.gunicorn_settings",
            ),
            *("--bind", f"{_bracketed(settings.HOST)}:{settings.PORT}"),
            *("--workers", str(settings.WORKERS)),
            *("--logger-class", f"config.server.gunicorn_logs.{logger}"),
            "config.wsgi:application",
        ],
        cwd=settings.BASE_DIR,
        env=os.environ | {"VAR_DIR": str(settings.VAR_DIR)} | _metrics_environment(),
        start_new_session=True,  # a Ctrl-C must reach this process only, which stops gunicorn first
        preexec_fn=stop_with_parent(),
    )
    try:
        _wait_until_live(process)
        yield process
    finally:
        _stop(process)


def wait_for_end(process: subprocess.Popen[bytes], *watches: Callable[[], object]) -> NoReturn:
    """Wait while gunicorn runs, call the watches every second; raise ServingError when it exits.

    One of them restarts an embedded PostgreSQL that dies.
    """
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(WATCH_SECONDS)
        for watch in watches:
            watch()
    raise ServingError(f"The server stopped by itself with exit code {process.returncode}.")


def _metrics_environment() -> dict[str, str]:
    """Return the environment in which workers share their metrics; delete old metrics."""
    if settings.WORKERS == 1:
        return {}
    shutil.rmtree(settings.METRICS_DIR, ignore_errors=True)
    settings.METRICS_DIR.mkdir(parents=True)
    return {"PROMETHEUS_MULTIPROC_DIR": str(settings.METRICS_DIR)}


def stop_with_parent() -> Callable[[], object] | None:
    """Return a function for the child, by which Linux stops it when this process is killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_live(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while not _is_live():
        if process.poll() is not None:
            wait_for_end(process)
        if time.monotonic() > deadline:
            raise ServingError(f"The server does not answer {address('/health/live')}.")
        time.sleep(0.05)


def _is_live() -> bool:
    connection = http.client.HTTPConnection(_own_host(), settings.PORT, timeout=5)
    try:
        connection.request("GET", "/health/live")
        # A 400, as ALLOWED_HOSTS may refuse this host name, is a response of the application too.
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # also the workers, if their parent was killed
    process.wait()
