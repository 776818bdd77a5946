"""`make bench`: what one server on this machine takes in, measured in one run.

Two workers, PostgreSQL, Redis and the load generator share the machine, so figures of different
machines, or of different hours, do not compare; the ratios within one run do.
"""

import json
import os
import platform
import random
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from config.db.embedded_postgres import database_url
from tests.bench import generator
from tests.bench.collect import measure_collect
from tests.bench.figures import SIZE_ROWS, Database, row, size_of_row, times
from tests.support.live_client import register, send_request
from tests.support.redis_server import Redis
from tests.support.server import ROOT, Environment, Server, first_run_environment, serving

Kind = tuple[str, list[bytes], dict[str, str], Database, str]

SECONDS = 10
TRACK_SECONDS = 5  # a row of the track or the platform API
RECORDER_TURNS = 3
UNLIMITED = "1000000/s"
BATCH = 100
COPY_ROWS = 50_000
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SESSIONS = 500  # that the page views are of
SESSION = json.dumps(
    {
        "visitorId": "vis-abc",
        "consentAnalytics": "granted",
        "referrer": "https://www.instagram.com/p/x",
        "landingPage": "https://example.com/johndoe",
        "timezone": "Europe/Istanbul",
        "language": "tr",
        "utmSource": "instagram",
        "screenWidth": 390,
        "screenHeight": 844,
    }
).encode()


def main() -> None:
    """Start a server, load it, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as directory, Redis() as redis:
        environment = first_run_environment(Path(directory)) | {
            "WORKERS": "2",
            "REDIS_URL": redis.url,
        }
        limited = ("AUTH", "TRACK", "SESSION", "PAGEVIEW", "COLLECT")
        limits = dict.fromkeys((f"RATE_{name}" for name in limited), UNLIMITED)
        main_url = database_url(Path(directory), "millrace")
        analytics_url = database_url(Path(directory), "millrace_analytics")
        with (
            serving(environment | limits) as server,
            psycopg.connect(main_url, autocommit=True) as main_database,
            psycopg.connect(analytics_url, autocommit=True) as analytics_database,
        ):
            print(
                f"{os.cpu_count()} cores, Python {platform.python_version()}, 2 workers, "
                f"{SECONDS} s a row (track, platform: {TRACK_SECONDS} s), "
                f"load by {generator.name()}\n"
            )
            measure_events(server, analytics_database)
            measure_recorder(server, environment)
            token = register(server.port)
            measure_track(server, token, main_database, analytics_database)
            measure_platform(server, token)
            measure_collect(server, analytics_database)


def measure_events(server: Server, database: Database) -> None:
    """Load the events API and print the figures."""
    make = Events(server.value_of("Tracking code"))
    url = f"http://127.0.0.1:{server.port}/api/v1/events"
    generator.post(url, make.singles(100), connections=8, seconds=2)  # warm up
    singles = make.singles(2000)
    few = generator.post(url, singles, connections=16, seconds=SECONDS)
    row("single posts/s, 16 connections", few.per_second, times(few))
    many = generator.post(url, singles, connections=64, seconds=SECONDS)
    row("single posts/s, 64 connections", many.per_second, times(many))
    batches = generator.post(f"{url}/batch", make.batches(100), connections=8, seconds=SECONDS)
    events_per_second = batches.per_second * BATCH
    row("events/s in batches of 100", events_per_second, f"{times(batches)}, 8 connections")
    raw = rows_per_second_by_copy(database)
    row("rows/s by raw COPY, 100 a commit", raw, "the same rows, one connection")
    row("batches / raw COPY", events_per_second / raw)
    row("singles / raw COPY", few.per_second / raw)
    row("bytes per event, with indexes", bytes_per_event(database))
    row("failed requests", few.failed + many.failed + batches.failed)


def measure_recorder(server: Server, environment: Environment) -> None:
    """Load the events API with the recorder of requests on and off in turn, and print the ratio."""
    url = f"http://127.0.0.1:{server.port}/api/v1/events"
    singles = Events(server.value_of("Tracking code")).singles(2000)
    rates: dict[str, list[float]] = {"true": [], "false": []}
    for text in ("true", "false") * RECORDER_TURNS:
        command = [sys.executable, "manage.py", "settings", f"activity_enabled={text}"]
        subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
        generator.post(url, singles, connections=16, seconds=2)  # until every process has noticed
        load = generator.post(url, singles, connections=16, seconds=SECONDS // 2)
        rates[text].append(load.per_second)
    on, off = (sum(rates[text]) / RECORDER_TURNS for text in ("true", "false"))
    row("single posts/s, recorder on", on, f"in turn with off, {RECORDER_TURNS} times")
    row("single posts/s, recorder off", off)
    row("recorder on / off", on / off)


def measure_track(server: Server, token: str, main: Database, analytics: Database) -> None:
    """Load the track API and print the figures.

    It answers 200 whatever happens, so the rows in the tables tell what failed.
    """
    url = f"http://127.0.0.1:{server.port}/api/v1/analytics"
    bearer = {"Authorization": f"Bearer {token}"}
    sessions = [new_session(server.port) for _ in range(SESSIONS)]
    browser = {"User-Agent": BROWSER}
    kinds: list[Kind] = [
        ("track", funnel_events(2000), bearer, main, "analytics_funnelevent"),
        ("session", [SESSION], browser, analytics, "analytics_session"),
        ("pageview", page_views(sessions), browser, analytics, "analytics_pageview"),
    ]
    failed = 0
    for name, bodies, headers, database, table in kinds:
        before = rows_in(database, table)
        load = generator.post(
            f"{url}/{name}", bodies, connections=16, seconds=TRACK_SECONDS, headers=headers
        )
        row(f"{name} posts/s, 16 connections", load.per_second, times(load))
        failed += max(load.requests - (rows_in(database, table) - before), 0)
    row("requests that stored nothing", failed)


def measure_platform(server: Server, token: str) -> None:
    """Load the platform API, read its statistics, and print the figures."""
    url = f"http://127.0.0.1:{server.port}/api/v1/analytics"
    headers = {"Authorization": f"Bearer {token}"}
    bodies = platform_events(2000)
    load = generator.post(url, bodies, connections=16, seconds=TRACK_SECONDS, headers=headers)
    row("platform posts/s, 16 connections", load.per_second, times(load))
    seconds = sorted(
        send_request(server.port, "GET", "/api/v1/analytics/stats", token=token).seconds
        for _ in range(100)
    )
    row("ms for platform statistics", seconds[50] * 1000, f"p99 {seconds[98] * 1000:.1f} ms, idle")
    row("failed platform requests", load.failed)


def platform_events(count: int) -> list[bytes]:
    """Return bodies of platform events with two properties."""
    bodies = (
        {
            "event_name": random.choice(["order_placed", "page_open", "login", "export_done"]),
            "category": random.choice(["user_action", "page_view", "trading", "auth"]),
            "properties": {"pair": "BTC-USD", "amount": n},
            "session_id": str(uuid4()),
            "page_url": f"https://app.example.com/trade/{n % 100}",
        }
        for n in range(count)
    )
    return [json.dumps(body).encode() for body in bodies]


def new_session(port: int) -> str:
    """Begin a session; return its id."""
    answer = send_request(port, "POST", "/api/v1/analytics/session", json.loads(SESSION))
    return str(answer.json["data"]["id"])


def funnel_events(count: int) -> list[bytes]:
    """Return bodies of funnel events with two properties."""
    bodies = (
        {
            "event": random.choice(["bio_link_click", "signup_started", "signup_done"]),
            "sessionId": str(uuid4()),
            "deviceType": "mobile",
            "properties": {"linkId": f"abc-{n}", "position": n % 10},
        }
        for n in range(count)
    )
    return [json.dumps(body).encode() for body in bodies]


def page_views(sessions: list[str]) -> list[bytes]:
    """Return bodies of page views, one for each session."""
    view = {"path": "/johndoe", "title": "John Doe", "referrer": "https://example.com/"}
    return [json.dumps({"sessionId": id, **view}).encode() for id in sessions]


def rows_in(database: Database, table: str) -> int:
    """Return the number of rows of a table."""
    found = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found[0]) if found else 0


def rows_per_second_by_copy(database: Database) -> float:
    """Return how fast rows of the event table go into a copy of it, 100 a transaction."""
    with database.cursor() as cursor:
        with cursor.copy(
            f"COPY (SELECT * FROM analytics_event LIMIT {COPY_ROWS}) TO STDOUT"
        ) as out:
            rows = [bytes(line) for line in out]
        cursor.execute("CREATE TABLE bench_copy (LIKE analytics_event INCLUDING ALL)")
        started = time.perf_counter()
        for start in range(0, len(rows), BATCH):
            with database.transaction(), cursor.copy("COPY bench_copy FROM STDIN") as copy:
                for line in rows[start : start + BATCH]:
                    copy.write(line)
        seconds = time.perf_counter() - started
        cursor.execute("DROP TABLE bench_copy")
    return len(rows) / seconds


def bytes_per_event(database: Database) -> float:
    """Return the size of an event on disk with all indexes, as sessions of five events have it.

    The load repeats its bodies, which would flatter indexes that store a repeated value once.
    """
    columns = "id, created_at, website_id, event_type, url, referrer"
    more = "device_type, browser, os, location, properties"
    database.execute("CREATE TABLE bench_size (LIKE analytics_event INCLUDING ALL)")
    database.execute(
        f"INSERT INTO bench_size ({columns}, session_id, visitor_id, {more}) "
        f"SELECT {columns}, 'sess-1769630400000-' || lpad(to_hex(n / 5), 9, '0'), "
        f"'vis-1769630400000-' || lpad(to_hex(n / 8), 9, '0'), {more} "
        f"FROM (SELECT *, row_number() OVER (ORDER BY id) n FROM analytics_event LIMIT %s) e",
        [SIZE_ROWS],
    )
    return size_of_row(database)


class Events:
    """Makes events of a website as tracker.js sends them: many visitors, sessions and pages."""

    def __init__(self, tracking_code: str) -> None:
        self.tracking_code = tracking_code
        now = int(time.time() * 1000)
        self.visitors = [f"vis-{now + n}-{secrets.token_hex(5)[:9]}" for n in range(2000)]
        self.sessions = [f"sess-{now + n}-{secrets.token_hex(5)[:9]}" for n in range(5000)]

    def singles(self, count: int) -> list[bytes]:
        """Return bodies of single posts."""
        return [json.dumps(self.event()).encode() for _ in range(count)]

    def batches(self, count: int) -> list[bytes]:
        """Return bodies of batches of 100."""
        batches = ({"events": [self.event() for _ in range(BATCH)]} for _ in range(count))
        return [json.dumps(batch).encode() for batch in batches]

    def event(self) -> dict[str, Any]:
        """Return one event of eleven fields."""
        return {
            "trackingCode": self.tracking_code,
            "eventType": random.choice(["pageview", "pageview", "pageview", "click", "custom"]),
            "url": f"https://example.com/blog/article-{random.randrange(500)}",
            "referrer": random.choice(["https://google.com/", "https://news.example/a", None]),
            "sessionId": random.choice(self.sessions),
            "visitorId": random.choice(self.visitors),
            "deviceType": random.choice(["mobile", "desktop", "tablet"]),
            "browser": random.choice(["Chrome", "Firefox", "Safari"]),
            "os": random.choice(["Windows", "Android", "iOS"]),
            "location": random.choice(["US", "DE", "TR"]),
            "properties": {"articleId": f"art-{random.randrange(500)}", "readingTime": 5},
        }


if __name__ == "__main__":
    main()
