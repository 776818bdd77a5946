"""An upgrade from the oldest version that is supported, of data that its own APIs took in

That version is served by today's gunicorn: what served it then is not installed any more.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config.db.embedded_postgres import EmbeddedPostgres, database_url
from tests.bench.figures import row
from tests.support.live_client import (
    PASSWORD,
    Connection,
    event,
    new_website,
    register,
    send_request,
)
from tests.support.load import load_on
from tests.support.migrated_data import ANALYTICS, MAIN
from tests.support.postgres_server import older_postgres
from tests.support.processes import temporary_directory, wait_until
from tests.support.server import (
    ROOT,
    Environment,
    first_run_environment,
    manage,
    production_environment,
    serving,
)

OLDEST = "78c8bc8e46803802a47ee3afa1968df144892fe0"  # Nov 27, of the five APIs
POSTGRES = 16
GUNICORN = ("-m", "gunicorn", "config.wsgi", "--worker-class=gthread", "--threads=32")
LIMITS = ("AUTH", "TRACK", "SESSION", "PAGEVIEW", "COLLECT")
OWNER = "owner@example.com"
BATCHES, OF_A_BATCH = 500, 100
OF_A_SESSION, OF_A_VISITOR = 5, 20
POSTS = 100  # of each other kind
NUMBERS = {"big": 12345678901234567890, "text": "Zürich", "half": 0.5, "list": [1, None, {}]}
LOAD_EVENTS = 1000
MUST_STOP = 4
TABLES = {
    MAIN: ("websites_user", "websites_website", "analytics_funnelevent"),
    ANALYTICS: (
        *("analytics_event", "analytics_session", "analytics_pageview"),
        *("analytics_platformevent", "analytics_collectedevent"),
    ),
}


@pytest.fixture
def old_code() -> Iterator[Path]:
    """The code of the oldest version."""
    archive = subprocess.run(["git", "archive", OLDEST], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip("The history of the repository is not here.")
    with temporary_directory() as directory:
        subprocess.run(["tar", "-x", "-C", directory], input=archive.stdout, check=True)
        yield directory


@pytest.fixture
def var_dir() -> Iterator[Path]:
    with temporary_directory() as directory:
        yield directory / "var"


def test_nothing_is_lost_and_all_is_read_as_before(old_code, var_dir):
    environment = production_environment(
        var_dir,
        main_url=database_url(var_dir, MAIN),
        analytics_url=database_url(var_dir, ANALYTICS),
    ) | {f"RATE_{name}": "1000000/m" for name in LIMITS}
    port = int(environment["PORT"])
    with older_postgres(var_dir, POSTGRES) as postgres:
        for name in (MAIN, ANALYTICS):
            postgres.create_database(name)
        run(old_code, environment, "migrate", "--database", "default")
        run(old_code, environment, "migrate", "--database", "analytics")
        with old_server(old_code, environment) as process:
            token = register(port, OWNER)
            quiet, busy = fill(port, token), new_website(port, token)
            before = answers(port, token, quiet)
            with load_on(port, busy) as early:
                early.wait_for_more(LOAD_EVENTS)
                process.terminate()
                process.wait()
        rows = counted(var_dir)
    for table, (count, _) in rows.items():
        row(f"rows of {table}", count)
    started = time.monotonic()
    manage(first_run_environment(var_dir), "upgrade_embedded")
    row("seconds to bring it to the new PostgreSQL", time.monotonic() - started)
    with EmbeddedPostgres(var_dir):
        upgrade(environment)
        assert counted(var_dir) == rows
        with serving(environment), load_on(port, busy) as late:
            late.wait_for_more(LOAD_EVENTS)
            assert answers(port, token, quiet) == before
            check_statistics(environment, port, token, quiet)
            check_health(environment)
        for load in (early, late):
            load.assert_kept_once(database_url(var_dir, ANALYTICS))


def run(code: Path, environment: Environment, *arguments: str) -> None:
    """Run a command of manage.py of the oldest version."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=code, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def old_server(code: Path, environment: Environment) -> "Iterator[subprocess.Popen[bytes]]":
    """Serve the oldest version."""
    port = int(environment["PORT"])
    command = [sys.executable, *GUNICORN, f"--bind=127.0.0.1:{port}", "--log-level=error"]
    with subprocess.Popen(command, cwd=code, env=environment) as process:
        try:
            wait_until(lambda: is_ready(port))
            yield process
        finally:
            process.terminate()


def is_ready(port: int) -> bool:
    try:
        return send_request(port, "GET", "/health/ready").status == 200
    except OSError:
        return False


def fill(port: int, token: str) -> str:
    """Post some of each kind; return the tracking code of a website that gets nothing later."""
    code = new_website(port, token)
    login = {"email": OWNER, "password": PASSWORD}
    response = send_request(port, "POST", "/api/v1/auth/session", login)
    cookie = str(response.headers["Set-Cookie"]).partition(";")[0]
    started = time.monotonic()
    with Connection(port) as connection:

        def post(path: str, body: Any, **more: str) -> Any:
            response = connection.send("POST", path, body, **more)
            assert response.status in (200, 201, 202), (path, response)
            return response.json

        for batch in range(BATCHES):
            events = [page_view(code, batch * OF_A_BATCH + n) for n in range(OF_A_BATCH)]
            post("/api/v1/events/batch", {"events": events})
        visit = {"visitorId": "somebody", "consentAnalytics": "granted", "landingPage": "/"}
        for n in range(POSTS):
            session = post("/api/v1/analytics/session", visit)["data"]["id"]
            post("/api/v1/analytics/pageview", {"sessionId": session, "path": f"/{n}"})
            post("/api/v1/analytics/track", {"event": "step", "properties": {"n": n}}, token=token)
            post("/api/v1/analytics", {"event_name": "step", "properties": NUMBERS}, token=token)
            data = {"event_type": "page_view", "event_data": NUMBERS}
            post("/api/analytics/collect", data, cookie=cookie)
            post("/api/v1/activity/events", {"type": "frontend_step"})
    row("seconds to fill it", time.monotonic() - started)
    return code


def page_view(code: str, number: int) -> dict[str, Any]:
    return {
        **event(code, f"https://demo.example/{number % 500}?q=%C3%BC"),
        "sessionId": f"session-{number // OF_A_SESSION}",
        "visitorId": f"visitor-{number // OF_A_VISITOR}",
        "properties": NUMBERS | {"n": number},
    }


def answers(port: int, token: str, code: str) -> dict[str, Any]:
    """Return what the APIs of the oldest version tell of a website and its owner."""
    path = f"/api/v1/events?trackingCode={code}&limit=1000"
    page = send_request(port, "GET", path).json
    paths = [
        *("/api/v1/auth/me", "/api/v1/websites"),
        *(f"{path}&offset={offset}" for offset in (0, 1000, 20_000, BATCHES * OF_A_BATCH - 1)),
        *(f"/api/v1/events/{each['id']}" for each in page["events"][:20]),
    ]
    found = {path: send_request(port, "GET", path, token=token) for path in paths}
    assert {response.status for response in found.values()} == {200}
    return {path: response.json for path, response in found.items()}


def counted(var_dir: Path) -> dict[str, Any]:
    """Return the number of rows of each table, and a hash of their ids."""
    found = {}
    for name, tables in TABLES.items():
        with psycopg.connect(database_url(var_dir, name)) as link:
            for table in tables:
                ids = "SELECT count(*), md5(string_agg(id::text, ',' ORDER BY id))"
                found[table] = link.execute(f"{ids} FROM {table}").fetchone()
    return found


def upgrade(environment: Environment) -> None:
    """Bring the tables to today's code as the chapter says: with a stop, as --check demands."""
    check = [sys.executable, "manage.py", "upgrade", "--check"]
    done = subprocess.run(
        check, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == MUST_STOP, done.stderr
    started = time.monotonic()
    manage(environment, "upgrade")
    row("seconds of the migrations", time.monotonic() - started)


def check_statistics(environment: Environment, port: int, token: str, code: str) -> None:
    """Hold statistics, which are made of the old events now, against what was posted."""
    manage(environment, "rollup")
    assert manage(environment, "rollup", "--check", "--days", "2").strip().endswith("right.")
    sites = send_request(port, "GET", "/api/v1/websites", token=token).json["websites"]
    [id] = [site["id"] for site in sites if site["trackingCode"] == code]
    path = f"/api/v1/websites/{id}/stats?period=7d"
    metrics = send_request(port, "GET", path, token=token).json["totals"]["metrics"]
    views = BATCHES * OF_A_BATCH
    assert metrics == {
        "visitors": views // OF_A_VISITOR,
        "sessions": views // OF_A_SESSION,
        "pageviews": views,
    }


def check_health(environment: Environment) -> None:
    """Let nothing be wrong that `harden` does not mend, which an upgrade leaves to its operator."""
    manage(environment, "harden", "--yes")
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)
    failures = {each["name"] for each in found["checks"] if each["state"] == "fail"}
    assert failures <= {"API_DOCS", "REQUIRE_HTTPS"}  # of the environment
