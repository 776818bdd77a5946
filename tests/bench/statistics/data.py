"""A hundred websites of ten million events, made once and kept for further runs"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from config.db.embedded_postgres import EmbeddedPostgres
from config.db.postgres_settings import fitting_settings
from tests.bench.figures import row
from tests.bench.subject import UNLIMITED
from tests.support.live_client import PASSWORD, register, send_request
from tests.support.server import ROOT, Environment, Server, first_run_environment, serving

OWNER = "bench@example.com"


@dataclass(frozen=True, slots=True)
class Size:
    """What is generated: as the options of `python -m tests.traffic` state it."""

    sites: str
    days: int
    until: date

    @property
    def arguments(self) -> list[str]:
        sites = ["--sites", self.sites, "--owner", OWNER]
        return [*sites, "--days", str(self.days), "--until", str(self.until)]


class Data:
    """Databases with events and what is derived of them, under one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._note = directory / "generated.json"

    @property
    def size(self) -> Size | None:
        """What is there from an earlier run."""
        if not self._note.exists():
            return None
        found = json.loads(self._note.read_text())
        return Size(**found | {"until": date.fromisoformat(found["until"])})

    def prepare(self, size: Size) -> None:
        """Generate the events, and derive what statistics need; print how long each took."""
        with self.serving() as server:
            token_of(server)
        with self.postgres():
            row("s to generate the events", self.run("-m", "tests.traffic", *size.arguments))
            row("s to derive sessions and days", self.run("manage.py", "rollup"))
        self._note.write_text(json.dumps(asdict(size), default=str))

    def rebuild(self) -> None:
        """Make all that is derived anew, and print how long that took."""
        with self.postgres():
            row("s to make sessions anew", self.run("manage.py", "rollup", "--rebuild"))
            row("s to seal days", self.run("manage.py", "rollup"))

    @contextmanager
    def postgres(self) -> Iterator[None]:
        """Run the databases without a server."""
        options: Mapping[str, str] = fitting_settings(self.directory)
        with EmbeddedPostgres(self.directory, options=options):
            yield

    @contextmanager
    def serving(self) -> Iterator[Server]:
        """Run a server with the databases, without limits."""
        with serving(self._environment) as server:
            yield server

    def drop_caches(self) -> None:
        """Ask the kernel to forget the files, as far as one may who is not root.

        Only while the databases are down: what they have not written stays.
        """
        for path in self.directory.rglob("*"):
            if path.is_file() and os.access(path, os.R_OK):
                file = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(file)

    def run(self, *arguments: str) -> float:
        """Run a command to its end; return the seconds that it took."""
        started = time.monotonic()
        command = [sys.executable, *arguments]
        subprocess.run(command, cwd=ROOT, env=self._environment, check=True)
        return time.monotonic() - started

    @property
    def _environment(self) -> Environment:
        environment = first_run_environment(self.directory) | {"WORKERS": "1"}
        return environment | {"RATE_STATS": UNLIMITED, "RATE_AUTH": UNLIMITED}


def token_of(server: Server) -> str:
    """Return an access token of the owner of all websites, who is registered if need be."""
    account = {"email": OWNER, "password": PASSWORD}
    response = send_request(server.port, "POST", "/api/v1/auth/login", account)
    if response.status == 200:
        return str(response.json["access_token"])
    return register(server.port, OWNER)
