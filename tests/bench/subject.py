"""A server that is measured: a checkout with two workers and databases of its own"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from config.db.embedded_postgres import database_url
from tests.bench.bodies import SESSION, Events
from tests.support.live_client import PASSWORD, register, send_request
from tests.support.processes import temporary_directory
from tests.support.redis_server import Redis
from tests.support.server import ROOT, Environment, Server, first_run_environment, serving

Database = psycopg.Connection[tuple[Any, ...]]

UNLIMITED = "1000000/s"
LIMITS = ("AUTH", "TRACK", "SESSION", "PAGEVIEW", "COLLECT")
SESSIONS = 500  # that page views are of
ADMIN = "admin@example.com"  # whom a first run makes
USERS = 20  # of the collect API


class Subject:
    """A running server, its databases, and what its clients need."""

    def __init__(
        self, root: Path, environment: Environment, server: Server, databases: dict[str, Database]
    ) -> None:
        self.root = root
        self.environment = environment
        self.port = server.port
        self._server = server
        self.databases = databases
        self.admin_password = environment["ADMIN_PASSWORD"]
        self.events = Events(server.value_of("Tracking code"))
        self.token = register(self.port)
        self.sessions = [self._new_session() for _ in range(SESSIONS)]
        self.cookies = [self._new_user(f"user{n}@example.com") for n in range(USERS)]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return self._server.workers

    @property
    def postmaster(self) -> int:
        """The process id of PostgreSQL, whose children are its connections."""
        pid_file = Path(self.environment["VAR_DIR"]) / "postgres" / "postmaster.pid"
        return int(pid_file.read_text().split()[0])

    def rows(self, alias: str, table: str) -> int:
        """Return the number of rows of a table."""
        found = self.databases[alias].execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(found[0]) if found else 0

    def manage(self, *arguments: str) -> None:
        """Run a command of manage.py."""
        command = [python_of(self.root), "manage.py", *arguments]
        run: Any = {"cwd": self.root, "env": self.environment, "stdout": subprocess.DEVNULL}
        subprocess.run(command, check=True, **run)

    def session_of(self, email: str, password: str) -> str:
        """Log in; return the cookie of the session."""
        account = {"email": email, "password": password}
        response = send_request(self.port, "POST", "/api/v1/auth/session", account)
        return str(response.headers["Set-Cookie"]).partition(";")[0].strip()

    def _new_user(self, email: str) -> str:
        register(self.port, email)
        return self.session_of(email, PASSWORD)

    def _new_session(self) -> str:
        path = "/api/v1/analytics/session"
        return str(send_request(self.port, "POST", path, json.loads(SESSION)).json["data"]["id"])


@contextmanager
def running(root: Path = ROOT) -> Iterator[Subject]:
    """Serve a checkout for a while, as a first run does, but with two workers and no limits."""
    with temporary_directory() as directory, Redis() as redis:
        environment = first_run_environment(directory) | {
            "WORKERS": "2",
            "REDIS_URL": redis.url,
            "ADMIN_PASSWORD": PASSWORD,
        }
        environment |= dict.fromkeys((f"RATE_{name}" for name in LIMITS), UNLIMITED)
        main, analytics = (
            database_url(directory, name) for name in ("millrace", "millrace_analytics")
        )
        with (
            serving(environment, root=root, python=python_of(root)) as server,
            psycopg.connect(main, autocommit=True) as main_database,
            psycopg.connect(analytics, autocommit=True) as analytics_database,
        ):
            databases = {"default": main_database, "analytics": analytics_database}
            yield Subject(root, environment, server, databases)


def python_of(root: Path) -> str:
    """Return the interpreter of a checkout: its own where it has one."""
    own = root / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable
