"""Real servers for the slow tests: `manage.py serve`, its PostgreSQL, its clients, their ends."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from uuid import uuid4

import pytest

from config.db.embedded_postgres import (
    EmbeddedPostgres,
    database_url,
)

ROOT = Path(__file__).parent.parent.parent
SERVE = [sys.executable, "manage.py", "serve"]
OF_THE_SUITE = {"DATABASE_URL", "ANALYTICS_DATABASE_URL", "SECRET_KEY", "ALLOWED_HOSTS"}
PATIENCE_SECONDS = 60  # of whatever promises no time: the machine may be busy with other tests
PASSWORD = "SecurePass123"

Environment = dict[str, str]


@contextmanager
def directory() -> Iterator[Path]:
    """Give a directory for a while.

    Not pytest's tmp_path: whenever pytest starts, it shuts the directories of its other runs to
    other users, such as PostgreSQL's.
    """
    with TemporaryDirectory(prefix="millrace-live-") as path:
        yield Path(path)


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def first_run(var_dir: Path) -> Environment:
    """Return what `make run` sees on a fresh machine."""
    inherited = {name: value for name, value in os.environ.items() if name not in OF_THE_SUITE}
    return inherited | {"VAR_DIR": str(var_dir), "PORT": str(free_port())}


def production(var_dir: Path, *, main_url: str, analytics_url: str) -> Environment:
    """Return what a server in production sees: two empty databases, and nothing made up."""
    return first_run(var_dir) | {
        "DATABASE_URL": main_url,
        "ANALYTICS_DATABASE_URL": analytics_url,
        "SECRET_KEY": os.environ["SECRET_KEY"],
        "ALLOWED_HOSTS": "127.0.0.1,millrace.example",
    }


def migrate(environment: Environment) -> None:
    """Make the tables of both databases."""
    for alias in ("default", "analytics"):
        command = [sys.executable, "manage.py", "migrate", "--database", alias]
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)


def manage(environment: Environment, *arguments: str) -> str:
    """Run a command of manage.py to its end; return its output."""
    return _run(environment, "manage.py", *arguments)


def generate_traffic(environment: Environment, *, events: int) -> None:
    """Fill the streams with synthetic rows of a year."""
    _run(environment, "-m", "tests.traffic", "--events", str(events), "--yes-really")


def _run(environment: Environment, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    run = subprocess.run(
        command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def wait_until(condition: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Poll until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} does not hold after {seconds} s"
        time.sleep(0.02)


class Server:
    """A running `manage.py serve`, and all that it prints."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self.port = port
        self.lines: list[str] = []
        self._told = threading.Event()
        # Read for as long as it runs: a full pipe would stop whoever logs.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._told.wait(PATIENCE_SECONDS)
        if not any(line.startswith("Ready") for line in self.lines):
            pytest.fail(self.printed)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("Ready"):
                self._told.set()
        self._told.set()

    @property
    def printed(self) -> str:
        """What it has printed until now."""
        return "".join(self.lines)

    def said(self, name: str) -> str:
        """Return the value of a line such as `Address: ...`, empty when there is none."""
        found = re.search(rf"^{name}: +(.+)$", self.printed, re.MULTILINE)
        return found[1] if found else ""

    @property
    def granian(self) -> int:
        """The process id of the one that starts the workers."""
        [pid] = children(self.process.pid)
        return pid

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return children(self.granian)

    def wait_for_last_words(self) -> str:
        """Return all that it printed, once every process that could print has ended."""
        self._reader.join(PATIENCE_SECONDS)
        return self.printed

    def kill(self) -> None:
        """End supervisor, granian and workers by SIGKILL; PostgreSQL stays behind."""
        granian, workers = self.granian, self.workers
        kill_all(granian, *workers, self.process.pid)
        self.process.wait()


@contextmanager
def serving(environment: Environment) -> Iterator[Server]:
    """Run the server; stop it at the end unless it has ended before."""
    with subprocess.Popen(
        SERVE, cwd=ROOT, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            yield Server(process, int(environment["PORT"]))
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_SECONDS)
            process.kill()


def refusal(environment: Environment) -> str:
    """Run a server that must not start; return what it says on stderr."""
    run = subprocess.run(
        SERVE, cwd=ROOT, env=environment, text=True, capture_output=True, check=False
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    return run.stderr.strip()


def children(pid: int) -> list[int]:
    """Return the ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_all(*pids: int) -> None:
    """End processes by SIGKILL, whichever of them have not ended yet."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def freezing(list_processes: Callable[[], list[int]]) -> Iterator[None]:
    """Halt processes, and those that they start meanwhile, for the time of a block."""
    halted: list[int] = []
    while running := [pid for pid in list_processes() if pid not in halted]:
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        halted += running
    try:
        yield
    finally:
        for pid in reversed(halted):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class Postgres:
    """An embedded PostgreSQL of a test, to which one can do what happens to servers."""

    def __init__(self, var_dir: Path, **options: str) -> None:
        self._server = EmbeddedPostgres(var_dir, options=options)
        self.var_dir = var_dir

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.stop()

    def url(self, name: str) -> str:
        """Return the URL of a database, which is made unless it exists."""
        self._server.create_database(name)
        return database_url(self.var_dir, name)

    @property
    def processes(self) -> list[int]:
        """The postmaster's process id, then those of its children."""
        postmaster = int((self._server.data_dir / "postmaster.pid").read_text().split()[0])
        return [postmaster, *children(postmaster)]

    def kill(self) -> None:
        """End every process of the server by SIGKILL."""
        kill_all(*self.processes)

    def restart(self) -> None:
        """Start the server that was killed."""
        self._server.stop()  # only gives the directory back
        self._server.start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Be away, refusing connections."""
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Be silent: the kernel goes on accepting connections and bytes, nobody reads them."""
        with freezing(lambda: self.processes):
            yield


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long it took."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        """The value of a JSON body."""
        return json.loads(self.body)

    @property
    def outcome(self) -> str | None:
        """What became of the event."""
        return self.headers.get("X-Event-Outcome")


class Link:
    """A connection to the server that is kept alive."""

    def __init__(self, port: int) -> None:
        self._link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; the next request opens it again."""
        self._link.close()

    @property
    def client_port(self) -> int:
        """The port at this end of the connection."""
        port: int = self._link.sock.getsockname()[1]
        return port

    def ask(self, method: str, path: str, body: Any = None, *, token: str = "") -> Answer:
        """Send a request, with a JSON body if there is one, and return its answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        begun = time.monotonic()
        sent = None if body is None else json.dumps(body)
        self._link.request(method, path, sent, headers)
        answer = self._link.getresponse()
        content = answer.read()
        return Answer(answer.status, answer.headers, content, time.monotonic() - begun)


def ask(port: int, method: str, path: str, body: Any = None, *, token: str = "") -> Answer:
    """Send one request over a connection of its own."""
    with Link(port) as link:
        return link.ask(method, path, body, token=token)


def event(tracking_code: str, url: str = "https://demo.example/", **more: str) -> dict[str, str]:
    """Return an event as clients send it."""
    return {
        "trackingCode": tracking_code,
        "eventType": "pageview",
        "url": url,
        "sessionId": "session",
        "visitorId": "visitor",
        **more,
    }


def register(port: int, email: str = "owner@example.com") -> str:
    """Make an account with PASSWORD; return an access token."""
    account = {"email": email, "password": PASSWORD}
    answer = ask(port, "POST", "/api/v1/auth/register", account)
    assert answer.status == 201, answer
    token: str = answer.json["access_token"]
    return token


def new_website(port: int, token: str) -> str:
    """Make a website; return its tracking code, which no process of the server knows yet."""
    site = {"name": "Live", "domain": f"{uuid4()}.example"}
    answer = ask(port, "POST", "/api/v1/websites", site, token=token)
    assert answer.status == 201, answer
    code: str = answer.json["trackingCode"]
    return code
