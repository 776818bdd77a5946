"""Outages of both databases under posts of all APIs: nothing lost, nothing twice, prompt answers

RATE and OUTAGE_SECONDS in the environment fit it to a machine that does other work as well.
"""

import http.client
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from analytics.events.ingest import TABLE
from analytics.ingest import targets
from analytics.ingest.spool.journal import Journal, New
from config.db import uuid7
from tests.bench.figures import row
from tests.support.events import new_row
from tests.support.live_client import Connection, Response, event, new_website, register, sign_in
from tests.support.outages import WRITE_TIMEOUT_SECONDS, serving_on_two
from tests.support.postgres_server import Postgres
from tests.support.processes import kill_all, temporary_directory, wait_until
from tests.support.redis_server import Redis
from tests.support.server import Server

RATE = int(os.environ.get("RATE", "500"))  # posts a second
OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "60"))
CLIENTS = 24
PROMPT_SECONDS = 0.1
DRAIN_SECONDS = 30.0
HOUR_OF_EVENTS = int(os.environ.get("HOUR_OF_EVENTS", "2000000"))
LEAST_DRAIN_RATE = 10_000
EMAIL = "owner@example.com"
LIMITS = ("TRACK", "SESSION", "PAGEVIEW", "LEAVE", "HEARTBEAT", "COLLECT", "AUTH")
API = "/api/v1/analytics"
FINE = ("stored", "spooled", "duplicate")


class Client:
    """Posts to all APIs in turn, at its share of the rate, and remembers what was acknowledged."""

    def __init__(self, load: "Load", number: int) -> None:
        self._load, self._number = load, number
        self._connection = Connection(load.port)
        self._session_id = ""

    def run(self) -> None:
        """Post until the load is over."""
        kinds = [self.event, self.batch, self.track, self.platform, self.activity, self.collect]
        kinds += [self.session, self.page_view, self.event, self.event]
        n, pause = self._number, CLIENTS / RATE
        due = time.monotonic() + pause * self._number / CLIENTS
        while not self._load.is_over.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            self._post(kinds[n % len(kinds)])
            n, due = n + 1, max(due + pause, time.monotonic() - 1)
        self._connection.close()

    def _post(self, kind: Callable[[], None]) -> None:
        try:
            kind()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._load.failures += 1

    def send(self, path: str, body: Any, **more: str) -> Response:
        response = self._connection.send("POST", path, body, **more)
        self._load.seconds.append((time.monotonic(), response.seconds))
        self._load.count(path, response)
        return response

    def keep(self, table: str, ids: list[str], response: Response) -> None:
        if response.outcome in FINE:
            self._load.acknowledged.setdefault(table, set()).update(ids)

    def event(self) -> None:
        response = self.send("/api/v1/events", event(self._load.code))
        if response.status == 201:
            self.keep("analytics_event", [response.json["id"]], response)

    def batch(self) -> None:
        events = [event(self._load.code) for _ in range(5)]
        response = self.send("/api/v1/events/batch", {"events": events})
        if response.status == 201:
            ids = [each["id"] for each in response.json["events"]]
            self.keep("analytics_event", ids, response)

    def track(self) -> None:
        name = str(uuid4())
        response = self.send(f"{API}/track", {"event": name}, token=self._load.token)
        self.keep("analytics_funnelevent.event_type", [name], response)

    def platform(self) -> None:
        response = self.send(API, {"event_name": "soak"}, token=self._load.token)
        if response.status == 200:
            self.keep("analytics_platformevent", [response.json["event_id"]], response)

    def activity(self) -> None:
        page = str(uuid4())
        response = self.send("/api/v1/activity/events", {"type": "soak", "page": page})
        self.keep("activity_events.path", [page], response)

    def collect(self) -> None:
        body = {"event_type": "soak", "event_data": {}}
        response = self.send("/api/analytics/collect", body, cookie=self._load.cookie)
        if response.status == 200:
            id = str(UUID(response.json["event_id"][4:]))
            self.keep("analytics_collectedevent", [id], response)

    def session(self) -> None:
        body = {"visitorId": str(uuid4()), "consentAnalytics": "granted"}
        response = self.send(f"{API}/session", body)
        self._session_id = response.json["data"]["id"] or self._session_id
        self.keep("analytics_session", [self._session_id], response)

    def page_view(self) -> None:
        if not self._session_id:  # this client begins with it
            self.session()
        body = {"sessionId": self._session_id, "path": "/"}
        response = self.send(f"{API}/pageview", body)
        if id := response.json["data"]["id"]:
            self.keep("analytics_pageview", [id], response)
            self.send(f"{API}/pageview/{id}/leave", {"duration": 5})


class Load:
    """What many clients post, and what became of it."""

    def __init__(self, server: Server, databases: dict[str, Postgres]) -> None:
        self.port, self._databases = server.port, databases
        self.token = register(server.port, EMAIL)
        self.code = new_website(server.port, self.token)
        self.cookie = sign_in(server.port, EMAIL)
        self.is_over = threading.Event()
        self.acknowledged: dict[str, set[str]] = {}
        self.seconds: list[tuple[float, float]] = []  # when a response came, and how long it took
        self.outcomes: dict[tuple[str, int, str | None], int] = {}
        self.failures = 0
        self._clients = [
            threading.Thread(target=Client(self, number).run, daemon=True)
            for number in range(CLIENTS)
        ]

    def __enter__(self) -> "Load":
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """Let each client end after its request."""
        self.is_over.set()
        for client in self._clients:
            client.join()

    def count(self, path: str, response: Response) -> None:
        key = ("leave" if path.endswith("/leave") else path, response.status, response.outcome)
        self.outcomes[key] = self.outcomes.get(key, 0) + 1

    def show(self, name: str, since: float, until: float) -> float:
        """Print how quickly responses of a while came; return the seconds of the slowest 1 %."""
        found = sorted(took for at, took in self.seconds if since <= at < until)
        p50, p99 = (found[int(len(found) * share)] for share in (0.5, 0.99))
        times = f"p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms"
        row(f"  {name}: responses/s", len(found) / (until - since), times)
        return p99

    def waiting_rows(self) -> int:
        with Connection(self.port) as connection:
            rows: int = connection.send("GET", "/health/ready").json["spool"]["rows"]
            return rows

    def assert_kept_once(self) -> None:
        """Compare what was acknowledged with what is stored."""
        for name, ids in self.acknowledged.items():
            table, _, column = name.partition(".")
            is_main = table == "analytics_funnelevent"
            database = self._databases["default" if is_main else "analytics"]
            url = database.main_url if is_main else database.analytics_url
            with psycopg.connect(url) as connection:
                query = f"SELECT {column or 'id'}::text FROM {table}"
                stored = [text for (text,) in connection.execute(query).fetchall()]
            mine = [text for text in stored if text in ids]
            row(f"  {table}: acknowledged", len(ids))
            assert len(mine) == len(set(mine)), f"{table}: stored twice"
            assert not ids - set(mine), f"{table}: {len(ids - set(mine))} of {len(ids)} lost"


@contextmanager
def service(**variables: str) -> Iterator[tuple[Server, dict[str, Postgres], Load]]:
    """Run a service of two workers that spools, and the load on it."""
    limits = {f"RATE_{name}": "1000000/m" for name in LIMITS}
    with ExitStack() as stack:
        redis = stack.enter_context(Redis())
        settings = {"WORKERS": "2", "REDIS_URL": redis.url, "SPOOL_BYTES": str(2**30)}
        server, databases = stack.enter_context(serving_on_two(**limits | settings | variables))
        load = stack.enter_context(Load(server, databases))
        time.sleep(5)
        yield server, databases, load


def drained(load: Load) -> float:
    """Wait until nothing is spooled any more; return the seconds."""
    started = time.monotonic()
    wait_until(lambda: not load.waiting_rows(), seconds=10 * DRAIN_SECONDS)
    return time.monotonic() - started


@pytest.mark.parametrize("outage", ["stopped", "frozen"])
def test_an_outage_loses_nothing_and_delays_nobody(outage: str) -> None:
    with service() as (server, databases, load):
        before = time.monotonic()
        with ExitStack() as stack:
            for database in databases.values():
                stack.enter_context(getattr(database, outage)())
            time.sleep(4 * WRITE_TIMEOUT_SECONDS)  # until all workers have noticed
            since = time.monotonic()
            time.sleep(OUTAGE_SECONDS / 2)
            middle = time.monotonic()
            kill_all(*server.workers)
            wait_until(lambda: load.seconds[-1][0] > middle + 1)  # others have started
            time.sleep(4 * WRITE_TIMEOUT_SECONDS)
            again = time.monotonic()
            time.sleep(OUTAGE_SECONDS / 2)
            until = time.monotonic()
            row(f"{outage}: rows that wait, load {os.getloadavg()[0]:.0f}", load.waiting_rows())
        took = drained(load)
        back = time.monotonic()
        time.sleep(3)
        load.show("before", before - 5, before)
        p99 = load.show("away", since, middle)
        p99_again = load.show("away, after a restart", again, until)
        load.show("drained", until, back)
        row("  seconds until it is drained", took)
        load.end()
        drained(load)
        for key, count in sorted(load.outcomes.items(), key=str):
            row(f"  {key}", count)
        row("  connections that broke", load.failures)
        load.assert_kept_once()
    assert max(p99, p99_again) < PROMPT_SECONDS
    assert took < DRAIN_SECONDS


SLOW = f"""
CREATE FUNCTION wait_a_while() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep({0.8 * WRITE_TIMEOUT_SECONDS}); RETURN NULL; END';
CREATE TRIGGER slow AFTER INSERT ON analytics_event FOR EACH STATEMENT
    EXECUTE FUNCTION wait_a_while();
"""


def test_a_slow_database_is_not_away() -> None:
    with service() as (server, databases, load):
        url = databases["analytics"].analytics_url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SLOW)
            since = time.monotonic()
            time.sleep(OUTAGE_SECONDS)
            load.show("slow commits", since, time.monotonic())
            connection.execute("DROP TRIGGER slow ON analytics_event")
        load.end()
        drained(load)
        for (path, status, outcome), count in sorted(load.outcomes.items(), key=str):
            row(f"  {path} {status} {outcome}", count)
            assert status < 500
            assert outcome == "stored" or path.startswith("/api/v1/events")
        load.assert_kept_once()
        assert "is away" not in server.printed


def test_a_journal_on_a_full_disk_leaves_the_answers_of_an_outage() -> None:
    with ExitStack() as stack:
        var_dir = stack.enter_context(temporary_directory())
        mount_small_disk(var_dir / "spool", stack)
        server, databases = stack.enter_context(
            serving_on_two(VAR_DIR=str(var_dir), SPOOL_BYTES=str(2**30))
        )
        code = new_website(server.port, register(server.port))
        batch = {"events": [event(code) for _ in range(500)]}
        acknowledged, status = 0, 201
        with ExitStack() as away, Connection(server.port) as connection:
            assert connection.send("POST", "/api/v1/events", event(code)).status == 201
            for database in databases.values():
                away.enter_context(database.stopped())
            while status == 201:
                response = connection.send("POST", "/api/v1/events/batch", batch)
                status = response.status
                acknowledged += 500 if response.outcome == "spooled" else 0
            assert (status, response.outcome) == (503, "dropped; reason=write_failed")
            assert connection.send("GET", "/health/ready").status == 503
        row("events that 8 MB took", acknowledged)
        with Connection(server.port) as connection:
            wait_until(lambda: connection.send("GET", "/health/ready").json["status"] == "ok")
            wait_until(lambda: not connection.send("GET", "/health/ready").json["spool"]["rows"])
        with psycopg.connect(databases["analytics"].analytics_url) as found:
            assert found.execute("SELECT count(*) FROM analytics_event").fetchone() == (
                acknowledged + 1,
            )


def mount_small_disk(path: Path, stack: ExitStack) -> None:
    """Mount a disk of 8 MB until the stack ends."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"No file system can be mounted here: {mounted.stderr.strip()}")
    stack.callback(subprocess.run, ["umount", "--lazy", str(path)], check=True)


def test_an_hour_of_events_is_drained_quickly() -> None:
    with temporary_directory() as var_dir, ExitStack() as stack:
        journal = Journal(var_dir / "spool", max_bytes=2**40)
        website_id = uuid7.new_id_now()
        for _ in range(HOUR_OF_EVENTS // 500):
            rows = [new_row(uuid7.new_id_now(), website_id=website_id) for _ in range(500)]
            journal.append([New("analytics", targets.record(TABLE, rows))])
        row("bytes of an event", journal.state().bytes / HOUR_OF_EVENTS)
        _, databases = stack.enter_context(serving_on_two(VAR_DIR=str(var_dir)))
        started, left = time.monotonic(), journal.state().rows  # it has begun before it is ready
        wait_until(lambda: not journal.state().rows, seconds=1200)
        rate = left / (time.monotonic() - started)
        row("spooled events drained/s", rate)
        with psycopg.connect(databases["analytics"].analytics_url) as connection:
            found = connection.execute("SELECT count(*) FROM analytics_event").fetchone()
        assert found == (HOUR_OF_EVENTS,)
    assert rate >= LEAST_DRAIN_RATE
