"""A PostgreSQL that a test can stop, kill and freeze"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from config.db.embedded_postgres import EmbeddedPostgres, database_url
from config.db.postgres_programs import Programs, installed
from tests.support.migrated_data import ANALYTICS, MAIN, copy_migrated_data
from tests.support.processes import children, frozen, kill_all


class Postgres:
    """An embedded PostgreSQL with both databases, to which a test does what happens to servers."""

    def __init__(self, var_dir: Path, **options: str) -> None:
        self._server = EmbeddedPostgres(var_dir, options=options)
        self.var_dir = var_dir

    def __enter__(self) -> Self:
        copy_migrated_data(self.var_dir)
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.stop()

    @property
    def main_url(self) -> str:
        return database_url(self.var_dir, MAIN)

    @property
    def analytics_url(self) -> str:
        return database_url(self.var_dir, ANALYTICS)

    @property
    def processes(self) -> list[int]:
        """The postmaster's process id, then those of its children."""
        postmaster = int((self._server.data_dir / "postmaster.pid").read_text().split()[0])
        return [postmaster, *children(postmaster)]

    @property
    def log(self) -> str:
        """All that the server has logged."""
        return self._server.log_file.read_text(errors="replace")

    def kill(self) -> None:
        """End every process of the server by SIGKILL."""
        kill_all(*self.processes)

    def restart(self) -> None:
        """Start the server that was killed."""
        self._server.stop()  # only gives the directory back
        self._server.start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Be down, refusing connections."""
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Be silent: the kernel accepts connections and bytes, but no process reads them."""
        with frozen(lambda: self.processes):
            yield


def older_postgres(
    var_dir: Path, version: int, *, options: Mapping[str, str] | None = None
) -> EmbeddedPostgres:
    """Return an embedded server of an older major version, whose data is made anew."""
    server = EmbeddedPostgres(var_dir, options=options or {}, programs=installed(version))
    server.data_dir.mkdir(parents=True, mode=0o700)
    programs = Programs(installed(version), data_dir=server.data_dir)
    programs.own(server.data_dir)
    access = ("--username=postgres", "--auth-local=trust", "--auth-host=reject")
    made = programs.run(
        *("initdb", *access, "--no-locale", "--encoding=UTF8", "--no-sync"),
        data_dir=server.data_dir,
    )
    assert made.returncode == 0, made.stdout
    return server
