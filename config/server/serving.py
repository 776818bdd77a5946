"""Run the server: one granian, with PostgreSQL before it on a first run, stopped in reverse."""

import contextlib
import ctypes
import errno
import http.client
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

from config.db.embedded_postgres import EmbeddedPostgres

READY_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 15
WATCH_SECONDS = 1
PR_SET_PDEATHSIG = 1
CONNECTIONS_BESIDES = 7  # those of requests: two that write, the tallies', four of health
GRANIAN_FLAGS = (
    *("--interface", "wsgi", "--http", "1", "--no-ws", "--log-level", "error"),
    *("--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "10"),
    # Backpressure counts open connections, idle ones too; 1024 descriptors are a usual limit.
    *("--backlog", "2048", "--backpressure", "900"),
    # Also ends connections that stay idle.
    *("--http1-header-read-timeout", "10000"),
    # A thread that ends takes its database connections with it.
    *("--blocking-threads-idle-timeout", "600"),
)


class ServingError(Exception):
    """Say in one sentence why the server does not run."""


def stop_on_signals() -> None:
    """Leave by SystemExit(0) at SIGTERM, SIGINT or SIGHUP, once, so that everything is stopped."""
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
        numbers.append(signal.SIGHUP)

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for each in numbers:  # a second Ctrl-C must not interrupt the stopping
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(0)

    for number in numbers:
        signal.signal(number, stop)


def require_free_port() -> None:
    """Raise ServingError unless granian could listen."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.HOST, settings.PORT, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sentence = f"Port {settings.PORT} is in use; set PORT to another one."
        else:
            sentence = f"Cannot listen on {settings.HOST} port {settings.PORT}: {error.strerror}."
        raise ServingError(sentence) from error


@contextlib.contextmanager
def databases() -> Iterator[EmbeddedPostgres | None]:
    """Run the embedded PostgreSQL with both databases, or trust in the servers that are set."""
    if not settings.EMBEDDED:
        yield None
        return
    wanted = connections_wanted() * len(settings.DATABASES)
    options = {"max_connections": str(max(200, wanted + 20))}
    with EmbeddedPostgres(settings.VAR_DIR, options=options) as server:
        for database in settings.DATABASES.values():
            server.create_database(database["NAME"])
        yield server


def connections_wanted() -> int:
    """Return how many connections to each database the workers of this host may open."""
    return settings.WORKERS * (settings.THREADS + CONNECTIONS_BESIDES)


def require_migrations() -> None:
    """Raise ServingError unless the tables are those that this code expects."""
    for alias in settings.DATABASES:
        try:
            pending = pending_migrations(alias)
        except OperationalError as error:
            raise ServingError(f"The database '{alias}' does not answer: {error}") from error
        if pending:
            raise ServingError(
                f"The database '{alias}' lacks migrations; "
                f"run: python manage.py migrate --database {alias}"
            )


def pending_migrations(alias: str) -> list[str]:
    """Return the migrations that a database lacks, such as `analytics 0001_initial`."""
    executor = MigrationExecutor(connections[alias])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label} {migration.name}" for migration, _ in plan]


def address(path: str = "/") -> str:
    """Return the URL at which this machine reaches the server."""
    host = _own_host()
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}{path}"


def _own_host() -> str:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    return everywhere.get(settings.HOST, settings.HOST)


@contextlib.contextmanager
def granian() -> Iterator[subprocess.Popen[bytes]]:
    """Run granian, which answers by the time the block begins, and stop it after the block."""
    connections.close_all()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", *GRANIAN_FLAGS, *_log_flags()),
            *("--host", settings.HOST, "--port", str(settings.PORT)),
            *("--workers", str(settings.WORKERS), "--blocking-threads", str(settings.THREADS)),
            "config.wsgi:application",
        ],
        cwd=settings.BASE_DIR,
        env=os.environ | {"VAR_DIR": str(settings.VAR_DIR)} | _metrics_environment(),
        start_new_session=True,  # so that a Ctrl-C goes to this process only
        preexec_fn=_stop_with_parent(),
    )
    try:
        _wait_until_live(process)
        yield process
    finally:
        _stop(process)


def wait_for_end(
    process: subprocess.Popen[bytes], postgres: EmbeddedPostgres | None = None
) -> NoReturn:
    """Wait for as long as granian runs; raise ServingError when it ends by itself.

    An embedded PostgreSQL that dies meanwhile is started again: nobody else would do it.
    """
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(WATCH_SECONDS)
        if postgres:
            postgres.revive()
    raise ServingError(f"The server stopped by itself with exit code {process.returncode}.")


def _metrics_environment() -> dict[str, str]:
    """Return what the workers need to share their metrics, in a directory emptied of old ones."""
    if settings.WORKERS == 1:
        return {}
    shutil.rmtree(settings.METRICS_DIR, ignore_errors=True)
    settings.METRICS_DIR.mkdir(parents=True)
    return {"PROMETHEUS_MULTIPROC_DIR": str(settings.METRICS_DIR)}


def _log_flags() -> list[str]:
    """Return what makes granian's own lines look like those of the application."""
    path = settings.BASE_DIR / "config" / "server" / "granian_logs.json"
    return ["--log-config", str(path)] if settings.LOG_FORMAT == "json" else []


def _stop_with_parent() -> Callable[[], object] | None:
    """Return what a child runs so that Linux stops it when this process is killed."""
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
    link = http.client.HTTPConnection(_own_host(), settings.PORT, timeout=5)
    try:
        link.request("GET", "/health/live")
        # ALLOWED_HOSTS may refuse the name used here; the application answers all the same.
        return link.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # also the workers of a granian that was killed
    process.wait()
