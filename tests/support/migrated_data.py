"""A PostgreSQL data directory with all tables and partitions, made once for each run of the suite

A copy of it takes a tenth of the time of initdb and all migrations.
"""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from config.db.embedded_postgres import EmbeddedPostgres, database_url
from tests.support.server import (
    Environment,
    first_run_environment,
    manage,
    migrate,
    production_environment,
)

MAIN, ANALYTICS = "millrace", "millrace_analytics"  # as on a first run


def first_run_on_migrated_data(var_dir: Path) -> Environment:
    """Return what `make run` sees on a fresh machine, except that its databases are migrated."""
    copy_migrated_data(var_dir)
    return first_run_environment(var_dir)


def copy_migrated_data(var_dir: Path) -> None:
    """Give a directory of an embedded PostgreSQL its data, before the server starts."""
    var_dir.mkdir(parents=True, exist_ok=True)
    # Not shutil.copytree: PostgreSQL demands that its user owns the files.
    subprocess.run(["cp", "-a", _migrated_data(), var_dir], check=True)


def _migrated_data() -> Path:
    """Return the directory, which the first process that needs it makes."""
    run_dir = Path(os.environ["VAR_DIR"]).parent  # of all workers of xdist
    made = run_dir / "migrated" / "postgres"
    with (run_dir / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _make(run_dir / "new")
            (run_dir / "new").rename(made.parent)
    return made


def _make(var_dir: Path) -> None:
    shutil.rmtree(var_dir, ignore_errors=True)  # of a process that was interrupted
    with EmbeddedPostgres(var_dir, options={"fsync": "off"}) as server:
        for name in (MAIN, ANALYTICS):
            server.create_database(name)
        urls = (database_url(var_dir, name) for name in (MAIN, ANALYTICS))
        environment = production_environment(var_dir, main_url=next(urls), analytics_url=next(urls))
        migrate(environment)
        manage(environment, "partitions")
    server.log_file.unlink()
