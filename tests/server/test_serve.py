"""`manage.py serve` as a process"""

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import psycopg
import pytest

from analytics.events.models import Event
from config.db.embedded_postgres import EmbeddedPostgres, database_url
from tests.support.live_client import event, send_request
from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.processes import children, kill_all, temporary_directory, wait_until
from tests.support.server import (
    first_run_environment,
    migrate,
    production_environment,
    serving,
    startup_error,
)
from websites import first_run

pytestmark = pytest.mark.slow


@pytest.fixture
def fresh():
    """What `make run` sees on a fresh machine."""
    with temporary_directory() as path:
        yield first_run_environment(path / "var")


@pytest.fixture
def migrated():
    """The same, except that its databases are migrated."""
    with temporary_directory() as path:
        yield first_run_on_migrated_data(path / "var")


@pytest.fixture
def port(fresh):
    return int(fresh["PORT"])


@pytest.fixture
def production(fresh, port):
    """The environment of a server whose two databases, on the server of the suite, are empty."""
    names = [f"millrace_{port}", f"millrace_{port}_analytics"]
    urls = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(urls._replace(path="/postgres").geturl(), autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")
        main_url, analytics_url = (urls._replace(path=f"/{name}").geturl() for name in names)
        yield production_environment(
            Path(fresh["VAR_DIR"]), main_url=main_url, analytics_url=analytics_url
        )
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run_shell(line):
    return subprocess.run(line, shell=True, text=True, capture_output=True, check=True).stdout


def stored_events(environment):
    url = database_url(Path(environment["VAR_DIR"]), "millrace_analytics")
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT count(*) FROM {Event._meta.db_table}").fetchone()


def postgres_runs(environment):
    return EmbeddedPostgres(Path(environment["VAR_DIR"])).is_running


def answers(port):
    try:
        return send_request(port, "GET", "/health/live").status == 200
    except OSError:
        return False


def test_the_first_run_prints_what_a_first_event_needs(fresh, port):
    with serving(fresh) as server:
        assert server.value_of("Dashboard") == f"http://127.0.0.1:{port}/"
        first = re.search(r"http\S+", server.printed)
        assert first
        assert first[0] == server.value_of("Dashboard")
        assert server.value_of("Made-up month").endswith("manage.py demo_traffic")
        assert server.value_of("Admin") == f"http://127.0.0.1:{port}/admin/"
        password = Path(fresh["VAR_DIR"], "admin_password")
        assert server.value_of("Admin user") == f"admin@example.com  password in {password}"
        assert password.stat().st_mode & 0o777 == 0o600
        assert re.fullmatch(r"\S{16}\n", password.read_text())
        response = run_shell(server.value_of("First event") + r" -sS -w '\n%{http_code}'")
        assert response.splitlines()[-1] == "201", response
        assert stored_events(fresh) == (1,)
        [script] = re.findall(r'src="([^"]+)"', server.value_of("For its pages"))
        assert urlopen(script).headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert urlopen(server.value_of("Admin")).status == 200


@pytest.mark.parametrize(
    ("given", "notice"), [("", "password: made up"), ("made up", "password: as in ADMIN_PASSWORD")]
)
def test_a_terminal_shows_a_password_that_was_made_up(settings, tmp_path, given, notice):
    settings.VAR_DIR, settings.ADMIN_PASSWORD = tmp_path, given
    assert first_run.password_notice("made up", is_terminal=True) == notice
    assert not list(tmp_path.iterdir())


def test_a_stop_ends_everything_and_a_restart_finds_the_data(migrated):
    with serving(migrated | {"ADMIN_PASSWORD": "correct horse"}) as server:
        assert server.value_of("Admin user") == "admin@example.com  password: as in ADMIN_PASSWORD"
        run_shell(server.value_of("First event"))
        server.process.terminate()
        assert server.process.wait() == 0
    assert not postgres_runs(migrated)

    with serving(migrated) as again:
        assert again.value_of("Tracking code") == server.value_of("Tracking code")
        assert not again.value_of("Admin user")
        assert stored_events(migrated) == (1,)


def test_ctrl_c_ends_everything(migrated):
    with serving(migrated) as server:
        os.killpg(server.process.pid, signal.SIGINT)
        assert server.process.wait() == 0
    assert not postgres_runs(migrated)


def test_a_run_that_was_killed_is_no_obstacle(migrated):
    with serving(migrated) as server:
        run_shell(server.value_of("First event"))
        server.process.kill()
    with serving(migrated):
        assert stored_events(migrated) == (1,)


def test_a_killed_worker_is_replaced(migrated):
    with serving(migrated) as server:
        [worker] = server.workers
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: answers(server.port), seconds=20)
        assert server.workers != [worker]


def test_a_killed_postgresql_is_started_again(migrated):
    with serving(migrated) as server:
        pid_file = Path(migrated["VAR_DIR"], "postgres", "postmaster.pid")
        postmaster = int(pid_file.read_text().split()[0])
        kill_all(postmaster, *children(postmaster))
        sent = event(server.value_of("Tracking code"))
        wait_until(lambda: send_request(server.port, "POST", "/api/v1/events", sent).status == 201)
        assert stored_events(migrated) == (1,)


def test_a_server_that_ends_by_itself_takes_postgresql_with_it(migrated):
    with serving(migrated) as server:
        os.kill(server.parent, signal.SIGKILL)
        assert server.process.wait() == 1
        assert server.wait_for_output().endswith(
            "CommandError: The server stopped by itself with exit code -9.\n"
        )
    assert not postgres_runs(migrated)


def test_a_port_in_use_is_reported_before_anything_is_created(fresh):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = startup_error(fresh | {"PORT": str(port)})
    assert said == f"CommandError: Port {port} is in use; set PORT to another one."
    assert not Path(fresh["VAR_DIR"], "postgres").exists()


def test_a_directory_that_cannot_be_written_is_named(fresh, tmp_path):
    (tmp_path / "file").touch()
    said = startup_error(fresh | {"VAR_DIR": str(tmp_path / "file" / "var")})
    assert "file/var cannot be written (Not a directory)" in said
    assert len(said.splitlines()) == 1


def test_a_host_of_another_machine_is_rejected(fresh, port):
    said = startup_error(fresh | {"HOST": "192.0.2.1"})
    assert said == (
        f"CommandError: Cannot listen on 192.0.2.1 port {port}: Cannot assign requested address."
    )


def test_production_neither_migrates_nor_makes_up_data(production):
    assert startup_error(production) == (
        "CommandError: The database 'default' lacks migrations; "
        "run: python manage.py migrate --database default"
    )
    migrate(production)
    with serving(production) as server:
        assert server.value_of("Dashboard")
        assert not server.value_of("Admin user")
        assert not server.value_of("Tracking code")
    assert not Path(production["VAR_DIR"], "postgres").exists()


def test_every_line_of_a_log_in_production_is_an_object(environment):
    with serving(environment) as server:
        [worker] = server.workers
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: answers(server.port))
    _, _, log = server.wait_for_output().partition("Ready. Ctrl-C stops it.\n")
    [entry] = map(json.loads, log.splitlines())
    assert (entry["level"], entry["logger"]) == ("ERROR", "gunicorn.error")
    assert entry["message"] == f"Worker (pid:{worker}) was sent SIGKILL! Perhaps out of memory?"


def test_a_database_that_does_not_respond_is_named(production):
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    said = startup_error(production | {"DATABASE_URL": nowhere})
    assert said.startswith("CommandError: The database 'default' does not answer: ")
