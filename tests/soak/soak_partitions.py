"""A large default partition is emptied while events of now and of its months are posted"""

import random
import threading
import time
from contextlib import contextmanager

import psycopg

from analytics.streams.partitions import Month
from config.db import uuid7
from tests.bench.figures import row
from tests.support.live_client import new_website, register
from tests.support.load import load_on
from tests.support.server import manage, serving

MONTHS = list(Month(2023, 1).until(Month(2024, 12)))
ROWS = 500_000
QUIET_SECONDS = 60
SLOWER_SECONDS = 0.2
WAITS = """
SELECT extract(epoch FROM clock_timestamp() - waitstart)::float8
  FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock'
"""
FILL = """
INSERT INTO analytics_event_default
SELECT (lpad(to_hex(ms), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
       to_timestamp(ms / 1000.0), %(website)s, 'pageview',
       'https://old.example/' || n, NULL, 's' || n / 5, 'v' || n / 9, NULL, NULL, NULL, NULL,
       '{"plan": "pro"}'
  FROM generate_series(0::bigint, %(rows)s - 1) AS n,
       LATERAL (SELECT %(start)s + n * %(step)s) AS at (ms)
"""


def test_no_post_waits_while_months_move(environment, postgres):
    start, end = (uuid7.to_ms(at) for at in (MONTHS[0].start, MONTHS[-1].plus(1).start))
    with (
        serving(environment) as server,
        psycopg.connect(postgres.analytics_url, autocommit=True) as database,
    ):
        code = new_website(server.port, register(server.port))
        step = (end - start) // ROWS
        values = {"start": start, "step": step, "rows": ROWS, "website": uuid7.new_id_now()}
        database.execute(FILL, values)
        with (
            load_on(server.port, code, clients=2) as now,
            load_on(
                server.port, code, clients=2, at_ms=lambda: random.randrange(start, end)
            ) as late,
        ):
            time.sleep(QUIET_SECONDS)
            before = slowest_of(now, late)
            began = time.monotonic()
            with lock_waits(postgres.analytics_url) as waits:
                lines = manage(environment, "partitions", "--move").splitlines()
            took, during = time.monotonic() - began, slowest_of(now, late)
        row("seconds of the move", took)
        row("events posted", len(now.acknowledged) + len(late.acknowledged))
        row("ms of the slowest post before", 1000 * before)
        row("ms of the slowest post meanwhile", 1000 * during)
        row("ms of the longest wait of a writer for a lock", 1000 * max(waits))
        for load in (now, late):
            load.assert_kept_once(postgres.analytics_url)
            assert load.failures == 0
        [[left]] = database.execute("SELECT count(*) FROM analytics_event_default").fetchall()
        [[rows]] = database.execute("SELECT count(*) FROM analytics_event").fetchall()
    assert sum(line.startswith("made analytics_event_y202") for line in lines) >= len(MONTHS)
    assert (left, rows) == (0, ROWS + len(now.acknowledged) + len(late.acknowledged))
    assert max(waits) < SLOWER_SECONDS
    assert during < before + SLOWER_SECONDS


@contextmanager
def lock_waits(url):
    """Collect for how many seconds connections have waited for locks, as seen every few ms."""
    is_over, waits = threading.Event(), [0.0]

    def watch():
        with psycopg.connect(url, autocommit=True) as connection:
            while not is_over.wait(0.005):
                waits.extend(seconds for (seconds,) in connection.execute(WAITS))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield waits
    finally:
        is_over.set()
        watcher.join()


def slowest_of(*loads):
    """Return the seconds of the slowest response since the last call."""
    slowest = max(load.slowest for load in loads)
    for load in loads:
        load.slowest = 0.0
    return slowest
