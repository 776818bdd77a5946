"""What `serve` needs beside the web server: signals, databases, migrations, addresses."""

import contextlib
import ctypes
import logging
import os
import signal
import sys
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
PR_SET_PDEATHSIG = 1
OTHER_CONNECTIONS = 9  # of a worker: seven writers, the outcome counts, the health check


class ServingError(Exception):
    """The server cannot run, for the reason in the message."""


def handle_signals(*, on_hangup: Callable[[], object]) -> None:
    """Raise SystemExit(0) at the first SIGTERM or SIGINT, so that blocks clean up.

    So does SIGHUP at a terminal, which has gone then; else it calls `on_hangup`.
    """
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, lambda number, frame: on_hangup())
        if os.isatty(0):
            numbers.append(signal.SIGHUP)

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for each in numbers:  # a second Ctrl-C must not interrupt the clean-up
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(0)

    for number in numbers:
        signal.signal(number, stop)


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
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    host = everywhere.get(settings.HOST, settings.HOST)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}{path}"


def stop_with_parent() -> Callable[[], object] | None:
    """Return a function for the child, by which Linux stops it when this process is killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
