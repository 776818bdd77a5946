"""A person with a third of ten million rows is erased while others post"""

import os
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg

from tests.bench.figures import row
from tests.support.live_client import Connection, event, new_website, register
from tests.support.server import manage, serving

ROWS = int(os.environ.get("ROWS", 10_000_000))
JANE = "jane@example.com"
DAYS = 20
PATIENCE = {"RATE_TRACK": "1000000/m", "RATE_SESSION": "1000000/m", "RATE_AUTH": "1000/m"}
CLIENTS, PAUSE_SECONDS = 4, 0.02
SLOWEST_SECONDS = 1.0

# Shares of all rows, columns, and their values; of row n, whose time is ms.
TABLES = {
    "analytics_event": (
        0.5,
        "website_id, event_type, url, session_id, visitor_id",
        "'{website}', 'pageview', 'https://example.com/' || n % 1000, 'session-' || n / 5, "
        "CASE WHEN n / 5 % 3 = 0 THEN '{jane}' ELSE 'visitor-' || n / 5 % 500000 END",
    ),
    "analytics_platformevent": (
        0.15,
        "user_id, event_name, category, priority, properties",
        "CASE WHEN n % 2 = 0 THEN '{user}' ELSE '{stranger}' END::uuid, 'step', 'user_action', "
        "'low', '{{}}'",
    ),
    "activity_events": (
        0.15,
        "event_type, user_id, method, path, status_code, duration_ms, metadata",
        "'api_request', CASE WHEN n % 3 = 0 THEN '{user}' ELSE '{stranger}' END, 'GET', '/x', 200, "
        "1, '{{}}'",
    ),
    "analytics_session": (
        0.05,
        "visitor_hash, user_id, referrer_domain, page_views, bounced, duration_seconds, "
        "last_active_at",
        "md5((n / 2)::text), CASE WHEN n % 4 = 0 THEN '{user}'::uuid END, 'direct', 2, false, 9, "
        "now()",
    ),
    "analytics_pageview": (0.05, "session_id, path", "pg_temp.id_of({start} + n * {step}, n), '/'"),
    "analytics_funnelevent": (0.1, "user_id, event_type, event_data", "'{user}', 'step', '{{}}'"),
}
ID_OF = """
CREATE FUNCTION pg_temp.id_of(ms bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
            || substr(md5(n::text), 4, 15))::uuid
$$
"""


def test_others_post_meanwhile(environment, postgres):
    environment |= PATIENCE
    last_month = datetime.now(UTC) - timedelta(days=DAYS)
    manage(environment, "partitions", "--from", f"{last_month:%Y-%m}")
    with serving(environment) as server:
        register(server.port, JANE)
        token = register(server.port, "stranger@example.com")
        code = new_website(server.port, token)
        started = time.monotonic()
        stored = fill(postgres)
        manage(environment, "rebuild_totals")
        row("rows", stored)
        row("  seconds to make them", time.monotonic() - started)
        with posting(server.port, code, token) as posts:
            time.sleep(20)  # what they take without an erasure
            row("slowest post before, s", max(posts.seconds))
            before = len(posts.seconds)
            started = time.monotonic()
            result = manage(environment, "erase_person", JANE, "--yes")
            seconds = time.monotonic() - started
        during = sorted(posts.seconds[before:])
    row("seconds of the erasure", seconds)
    row("posts meanwhile", len(during))
    row("  p99, s", during[len(during) * 99 // 100])
    row("  slowest, s", during[-1])
    row("load of the machine", os.getloadavg()[0])
    print(result.splitlines()[-1])
    assert posts.failures == []
    assert during[-1] < SLOWEST_SECONDS
    assert manage(environment, "erase_person", JANE).splitlines()[-1].startswith("0 rows")


def fill(postgres) -> int:
    """Make the rows; return how many there are."""
    start = int((datetime.now(UTC) - timedelta(days=DAYS)).timestamp() * 1000)
    values = {"jane": JANE, "start": start}
    with psycopg.connect(postgres.main_url) as main:
        users = main.execute("SELECT id FROM websites_user ORDER BY email").fetchall()
        [(values["user"],), (values["stranger"],)] = users
        [(values["website"],)] = main.execute("SELECT id FROM websites_website").fetchall()
    return sum(fill_table(postgres, table, values) for table in TABLES)


def fill_table(postgres, table, values) -> int:
    share, columns, selected = TABLES[table]
    rows = int(ROWS * share)
    step = DAYS * 86_400_000 // rows or 1
    ms = f"{values['start']} + n * {step}"
    url = postgres.main_url if table == "analytics_funnelevent" else postgres.analytics_url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute(ID_OF)
        connection.execute(
            f"INSERT INTO {table} (id, created_at, {columns}) "
            f"SELECT pg_temp.id_of({ms}, n), to_timestamp(({ms}) / 1000.0), "
            f"{selected.format(**values, step=step)} FROM generate_series(0, {rows - 1}::bigint) n"
        )
        connection.execute(f"ANALYZE {table}")
    return rows


class Posts:
    """What became of the posts of some clients."""

    def __init__(self, port: int, code: str, token: str) -> None:
        self._port, self._token = port, token
        self._is_over = threading.Event()
        self.seconds: list[float] = []
        self.failures: list[object] = []
        one = event(code)
        session = {"visitorId": "somebody", "consentAnalytics": "granted"}
        self._kinds = [
            ("/api/v1/events", one),
            ("/api/v1/events/batch", {"events": [one] * 20}),
            ("/api/v1/analytics", {"event_name": "step"}),
            ("/api/v1/analytics/track", {"event": "step"}),
            ("/api/v1/analytics/session", session),
            ("/api/v1/activity/events", {"type": "frontend_step"}),
        ]

    def post(self) -> None:
        """Be one client until the end."""
        with Connection(self._port) as connection:
            while not self._is_over.is_set():
                for path, body in self._kinds:
                    found = connection.send("POST", path, body, token=self._token)
                    self.seconds.append(found.seconds)
                    if found.outcome != "stored":
                        self.failures.append((path, found))
                self._is_over.wait(PAUSE_SECONDS)

    def end(self) -> None:
        self._is_over.set()


@contextmanager
def posting(port, code, token):
    posts = Posts(port, code, token)
    clients = [threading.Thread(target=posts.post) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield posts
    finally:
        posts.end()
        for client in clients:
            client.join()
