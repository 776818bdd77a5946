"""The part of `make bench` that loads the collect API, by many users in their sessions."""

import json
import random

from tests.bench import generator
from tests.bench.figures import SIZE_ROWS, Database, row, size_of_row, times
from tests.support.live_client import PASSWORD, register, send_request
from tests.support.server import Server

SECONDS = 5
CLIENTS, USERS = 100, 20
PAUSE_MS = 600  # of a client that sends as many events as a user may
REPEATS = 100  # of each event, when the size of one is measured


def measure_collect(server: Server, database: Database) -> None:
    """Load the collect API by many users and print the figures."""
    cookies = [session_cookie(server.port, f"user{n}@example.com") for n in range(USERS)]
    url = f"http://127.0.0.1:{server.port}/api/analytics/collect"
    bodies = interactions(2000)
    real = generator.post(
        url, bodies, connections=CLIENTS, seconds=SECONDS, cookies=cookies, pause_ms=PAUSE_MS
    )
    rate = f"100 events a minute each; {times(real)}"
    row(f"ms for collect, {CLIENTS} clients", real.mean_ms, f"on average, {rate}")
    load = generator.post(url, bodies, connections=CLIENTS, seconds=SECONDS, cookies=cookies)
    row(f"collect posts/s, {CLIENTS} connections", load.per_second, times(load))
    row("bytes per collected event", bytes_per_collected_event(database))
    row("failed requests", real.failed + load.failed)


def session_cookie(port: int, email: str) -> str:
    """Make an account and log in; return the cookie of the session."""
    register(port, email)
    answer = send_request(
        port, "POST", "/api/v1/auth/session", {"email": email, "password": PASSWORD}
    )
    return str(answer.headers["Set-Cookie"]).partition(";")[0].strip()


def interactions(count: int) -> list[bytes]:
    """Return bodies of interaction events with three values."""
    bodies = (
        {
            "event_type": random.choice(["page_view", "page_view", "button_click", "form_submit"]),
            "event_data": {"page": f"/dashboard/item-{n}", "referrer": "/login", "position": n},
        }
        for n in range(count)
    )
    return [json.dumps(body).encode() for body in bodies]


def bytes_per_collected_event(database: Database) -> float:
    """Return the size of a collected event on disk with all indexes, every one with its own id."""
    database.execute("CREATE TABLE bench_size (LIKE analytics_collectedevent INCLUDING ALL)")
    database.execute(
        "INSERT INTO bench_size "
        "SELECT uuidv7(), created_at, received_at, user_id, event_type, event_data, ip_hash "
        "FROM (SELECT * FROM analytics_collectedevent LIMIT %s) e, generate_series(1, %s)",
        [SIZE_ROWS // REPEATS, REPEATS],
    )
    return size_of_row(database)
