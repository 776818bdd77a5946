"""A streaming replica of a PostgreSQL of a test"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.db.embedded_postgres import EmbeddedPostgres
from config.db.postgres_programs import Programs, installed
from tests.support.postgres_server import Postgres


@contextmanager
def standby(primary: Postgres, var_dir: Path) -> Iterator[EmbeddedPostgres]:
    """Run a replica whose data are below a directory."""
    data_dir = var_dir / "postgres"
    data_dir.mkdir(mode=0o700)
    programs = Programs(installed(), data_dir=data_dir)
    programs.own(data_dir)
    primary.var_dir.chmod(0o711)  # the user of both servers has to come to the socket
    made = programs.run(
        "pg_basebackup",
        *("--host", str(primary.var_dir / "socket"), "--username=postgres", "--pgdata=."),
        *("--write-recovery-conf", "--checkpoint=fast"),
        data_dir=data_dir,
    )
    assert made.returncode == 0, made.stdout
    (data_dir / "postmaster.pid").unlink(missing_ok=True)
    with EmbeddedPostgres(var_dir, options={"fsync": "off"}) as server:
        yield server
