"""`manage.py serve`, as a person at a terminal meets it: real processes, ports and signals."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import psycopg
import pytest

from analytics.models import Event
from config.embedded import EmbeddedPostgres, database_url

ROOT = Path(__file__).parent.parent
SERVE = [sys.executable, "manage.py", "serve"]
OF_THE_SUITE = {"DATABASE_URL", "ANALYTICS_DATABASE_URL", "SECRET_KEY", "ALLOWED_HOSTS"}

pytestmark = pytest.mark.slow


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def environment(tmp_path, port):
    """What `make run` sees on a fresh machine."""
    inherited = {name: value for name, value in os.environ.items() if name not in OF_THE_SUITE}
    return inherited | {"VAR_DIR": str(tmp_path / "var"), "PORT": str(port)}


@pytest.fixture
def production(environment):
    """The environment of a server whose two databases, on the server of the suite, are empty."""
    names = [f"millrace_{environment['PORT']}", f"millrace_{environment['PORT']}_analytics"]
    urls = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(urls._replace(path="/postgres").geturl(), autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")
        yield environment | {
            "DATABASE_URL": urls._replace(path=f"/{names[0]}").geturl(),
            "ANALYTICS_DATABASE_URL": urls._replace(path=f"/{names[1]}").geturl(),
            "SECRET_KEY": os.environ["SECRET_KEY"],
            "ALLOWED_HOSTS": "millrace.example",
        }
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Server:
    """A running `manage.py serve`, with what it printed until it was ready."""

    def __init__(self, process):
        self.process = process
        self.printed = ""
        for line in process.stdout:
            self.printed += line
            if line.startswith("Ready"):
                return
        pytest.fail(self.printed)

    def said(self, name):
        found = re.search(rf"^{name}: +(.+)$", self.printed, re.MULTILINE)
        return found and found[1]


@contextmanager
def serving(environment):
    with subprocess.Popen(
        SERVE, cwd=ROOT, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            yield Server(process)
        finally:
            process.terminate()


def refusal(environment):
    """Run a server that must not start; return what it says."""
    run = subprocess.run(
        SERVE, cwd=ROOT, env=environment, text=True, capture_output=True, check=False
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    return run.stderr.strip()


def run_shell(line):
    return subprocess.run(line, shell=True, text=True, capture_output=True, check=True).stdout


def stored_events(environment):
    url = database_url(Path(environment["VAR_DIR"]), "millrace_analytics")
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT count(*) FROM {Event._meta.db_table}").fetchone()


def postgres_runs(environment):
    return EmbeddedPostgres(Path(environment["VAR_DIR"])).is_running


def answers(environment):
    try:
        with urlopen(f"http://127.0.0.1:{environment['PORT']}/health/live", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_first_run_says_all_that_is_needed_for_a_first_event(environment, port):
    with serving(environment) as server:
        assert server.said("Address") == f"http://127.0.0.1:{port}/"
        assert server.said("Admin") == f"http://127.0.0.1:{port}/admin/"
        assert re.fullmatch(r"admin@example\.com  password: \S{16}", server.said("Admin user"))
        answer = run_shell(server.said("First event") + r" -sS -w '\n%{http_code}'")
        assert answer.splitlines()[-1] == "201", answer
        assert stored_events(environment) == (1,)
        assert urlopen(server.said("Admin")).status == 200


def test_a_stop_ends_everything_and_a_restart_finds_the_data(environment):
    with serving(environment | {"ADMIN_PASSWORD": "correct horse"}) as server:
        assert server.said("Admin user") == "admin@example.com  password: correct horse"
        run_shell(server.said("First event"))
        server.process.terminate()
        assert server.process.wait() == 0
    assert not postgres_runs(environment)

    with serving(environment) as again:
        assert again.said("Tracking code") == server.said("Tracking code")
        assert again.said("Admin user") is None
        assert stored_events(environment) == (1,)


def test_ctrl_c_ends_everything(environment):
    with serving(environment) as server:
        os.killpg(server.process.pid, signal.SIGINT)
        assert server.process.wait() == 0
    assert not postgres_runs(environment)


def test_a_run_that_was_killed_is_no_obstacle(environment):
    with serving(environment) as server:
        run_shell(server.said("First event"))
        server.process.kill()
    with serving(environment):
        assert stored_events(environment) == (1,)


def test_a_killed_worker_is_replaced(environment):
    with serving(environment) as server:
        [granian] = children(server.process.pid)
        [worker] = children(granian)
        os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while not answers(environment):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert children(granian) != [worker]


def test_a_server_that_ends_by_itself_takes_postgresql_with_it(environment):
    with serving(environment) as server:
        [granian] = children(server.process.pid)
        os.kill(granian, signal.SIGKILL)
        assert server.process.wait() == 1
        assert server.process.stdout.read().endswith(
            "CommandError: The server stopped by itself with exit code -9.\n"
        )
    assert not postgres_runs(environment)


def test_a_taken_port_is_told_before_anything_is_made(environment):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(environment | {"PORT": str(port)})
    assert said == f"CommandError: Port {port} is in use; set PORT to another one."
    assert not Path(environment["VAR_DIR"], "postgres").exists()


def test_a_directory_that_cannot_be_written_is_named(environment, tmp_path):
    (tmp_path / "file").touch()
    said = refusal(environment | {"VAR_DIR": str(tmp_path / "file" / "var")})
    assert "file/var cannot be written (Not a directory)" in said
    assert len(said.splitlines()) == 1


def test_a_host_of_another_machine_is_refused(environment, port):
    said = refusal(environment | {"HOST": "192.0.2.1"})
    assert said == (
        f"CommandError: Cannot listen on 192.0.2.1 port {port}: Cannot assign requested address."
    )


def test_production_neither_migrates_nor_makes_up_data(production):
    assert refusal(production) == (
        "CommandError: The database 'default' lacks migrations; "
        "run: python manage.py migrate --database default"
    )
    for alias in ("default", "analytics"):
        migrate = [sys.executable, "manage.py", "migrate", "--database", alias]
        subprocess.run(migrate, cwd=ROOT, env=production, capture_output=True, check=True)
    with serving(production) as server:
        assert server.said("Address")
        assert server.said("Admin user") is None
        assert server.said("Tracking code") is None
    assert not Path(production["VAR_DIR"], "postgres").exists()


def test_a_database_that_does_not_answer_is_named(production):
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    said = refusal(production | {"DATABASE_URL": nowhere})
    assert said.startswith("CommandError: The database 'default' does not answer: ")
