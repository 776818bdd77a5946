"""The recorder in real servers, at shutdown and during an outage"""

import itertools
import os
import re
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from activity.models import ActivityEvent
from tests.support.live_client import Connection, new_website, register
from tests.support.load import load_on
from tests.support.processes import wait_until
from tests.support.server import serving
from tests.support.sockets import head, post, raw_clients

pytestmark = pytest.mark.slow

REQUESTS = 4000
GROWTH_BYTES = 30_000_000  # of a worker, whatever allocators keep included
ANSWER_SECONDS = 2.0
STOP_SECONDS = 5.0


def recorded(postgres):
    """Return the ids of all requests that have a row, one for each row."""
    table = ActivityEvent._meta.db_table
    with psycopg.connect(postgres.analytics_url) as connection:
        rows = connection.execute(f"SELECT metadata->>'request_id' FROM {table}").fetchall()
    return [id for (id,) in rows]


def memory_bytes(pid):
    """Return what a process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def slow_clients(port):
    """Clients that keep connections, heads, bodies and responses waiting."""
    session = {"visitorId": "v", "consentAnalytics": "granted"}
    sent = [
        b"",
        b"POST /api/v1/ev",
        head("POST", "/api/v1/events", Content_Length="100") + b"{",
        post("/api/v1/analytics/session", session),
        head("GET", "/static/unfold/css/styles.css") * 20,
    ]
    with raw_clients(port, 50) as clients:
        for client, each in zip(clients, itertools.cycle(sent), strict=False):
            client.send(each)
        yield


def test_queued_rows_are_stored_at_shutdown_whatever_slow_clients_do(environment, postgres):
    with serving(environment) as server:
        code = new_website(server.port, register(server.port))
        with slow_clients(server.port), load_on(server.port, code) as load:
            load.wait_for_more(3000)
            server.process.terminate()
            started = time.monotonic()
            load.wait_for_failure()
            assert server.process.wait(30) == 0
        assert time.monotonic() - started < STOP_SECONDS
    rows = recorded(postgres)
    assert load.request_ids
    assert load.request_ids - set(rows) == set()
    assert len(rows) == len(set(rows))
    load.assert_kept_once(postgres.analytics_url)


def test_without_postgresql_responses_are_as_usual_and_memory_is_bounded(environment, postgres):
    with serving(environment) as server, Connection(server.port) as connection:
        connection.send("GET", "/nothing")
        wait_until(lambda: recorded(postgres))
        [worker] = server.workers
        with postgres.stopped():
            started, before = time.monotonic(), memory_bytes(worker)
            responses = [connection.send("GET", f"/nothing/{n}") for n in range(REQUESTS)]
            seconds, growth = time.monotonic() - started, memory_bytes(worker) - before
        assert {
            (response.status, response.headers["Content-Length"]) for response in responses
        } == {(404, str(len(responses[0].body)))}
        assert max(response.seconds for response in responses) < ANSWER_SECONDS
        assert growth < GROWTH_BYTES
        warnings = server.printed.count("activity_record_failed")
        assert 1 <= warnings <= seconds + 2
        result = [int(n) for n in re.findall(r"; (\d+) rows lost", server.printed)]
        assert 0 < sum(result) <= REQUESTS
        back = connection.send("GET", "/nothing/again")
        wait_until(lambda: back.headers["X-Request-Id"] in recorded(postgres))
