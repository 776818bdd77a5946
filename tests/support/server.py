"""`manage.py serve` as a test runs it"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.processes import TIMEOUT_SECONDS, children, free_port, kill_all

ROOT = Path(__file__).parent.parent.parent
SERVE = [sys.executable, "manage.py", "serve"]
OF_THE_SUITE = {"DATABASE_URL", "ANALYTICS_DATABASE_URL", "SECRET_KEY", "ALLOWED_HOSTS"}
Environment = dict[str, str]


def first_run_environment(var_dir: Path) -> Environment:
    """Return what `make run` sees on a fresh machine."""
    inherited = {name: value for name, value in os.environ.items() if name not in OF_THE_SUITE}
    # Without maintenance, which comes a second later and would disturb what they measure.
    mine = {"VAR_DIR": str(var_dir), "PORT": str(free_port()), "MAINTENANCE": "off"}
    return inherited | mine


def production_environment(var_dir: Path, *, main_url: str, analytics_url: str) -> Environment:
    """Return what a server in production sees: two empty databases, and nothing made up."""
    return first_run_environment(var_dir) | {
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


class Server:
    """A running `manage.py serve`, and all that it prints."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self.port = port
        self.lines: list[str] = []
        self._is_ready = threading.Event()
        # Read for as long as it runs: a full pipe would stop whoever logs.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._is_ready.wait(TIMEOUT_SECONDS)
        if not any(line.startswith("Ready") for line in self.lines):
            pytest.fail(self.printed)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("Ready"):
                self._is_ready.set()
        self._is_ready.set()

    @property
    def printed(self) -> str:
        return "".join(self.lines)

    def value_of(self, name: str) -> str:
        """Return the value of a line such as `Dashboard: ...`, empty when there is none."""
        found = re.search(rf"^{name}: +(.+)$", self.printed, re.MULTILINE)
        return found[1] if found else ""

    @property
    def parent(self) -> int:
        """The process id of gunicorn, which starts the workers."""
        [pid] = children(self.process.pid)
        return pid

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return children(self.parent)

    def wait_for_output(self) -> str:
        """Return all that it printed, once every process that could print has ended."""
        self._reader.join(TIMEOUT_SECONDS)
        return self.printed

    def kill(self) -> None:
        """End supervisor, gunicorn and workers by SIGKILL; PostgreSQL stays behind."""
        parent, workers = self.parent, self.workers
        kill_all(parent, *workers, self.process.pid)
        self.process.wait()


@contextmanager
def serving(
    environment: Environment, *, root: Path = ROOT, python: str = sys.executable
) -> Iterator[Server]:
    """Run the server of a checkout; stop it at the end unless it has ended before."""
    with subprocess.Popen(
        [python, *SERVE[1:]], cwd=root, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            yield Server(process, int(environment["PORT"]))
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(TIMEOUT_SECONDS)
            process.kill()


def startup_error(environment: Environment) -> str:
    """Run a server that must not start; return what it says on stderr."""
    run = subprocess.run(
        SERVE, cwd=ROOT, env=environment, text=True, capture_output=True, check=False
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    return run.stderr.strip()
