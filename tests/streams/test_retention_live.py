"""Retention beside writers and readers"""

import re
import threading
from contextlib import contextmanager

import psycopg
import pytest

from tests.support.live_client import new_website, register
from tests.support.load import load_on
from tests.support.server import generate_traffic, manage, serving

OLD_ROWS = 1_000
ENOUGH = 500  # events before and after, to compare with
READING_SECONDS = 0.3  # for so long each reader keeps the table
SLOWEST_SECONDS = 1.0

pytestmark = pytest.mark.slow


@contextmanager
def readers_of(url):
    """Keep the table of events in use, most of the time, by transactions that last."""
    is_over = threading.Event()

    def read():
        with psycopg.connect(url) as connection:
            while not is_over.is_set():
                connection.execute("SELECT 1 FROM analytics_event LIMIT 1")
                is_over.wait(READING_SECONDS)
                connection.commit()
                is_over.wait(0.2)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        is_over.set()
        reader.join()


def test_months_are_dropped_while_others_write_and_read(environment, postgres):
    generate_traffic(environment, events=OLD_ROWS)
    with serving(environment) as server:
        code = new_website(server.port, register(server.port))
        with load_on(server.port, code) as load, readers_of(postgres.analytics_url):
            load.wait_for_more(ENOUGH)
            result = manage(environment, "retention", "--stream", "event", "--older-than", "90d")
            load.wait_for_more(ENOUGH)
    [partitions] = re.findall(r"(\d+) partitions of .* deleted in", result)
    assert int(partitions) >= 8
    assert load.failures == 0
    assert load.slowest < SLOWEST_SECONDS
