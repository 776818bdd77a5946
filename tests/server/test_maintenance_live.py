"""The daily maintenance of a real server"""

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from analytics.collect.models import CollectedEvent
from config.db import uuid7
from tests.support.processes import children, wait_until
from tests.support.server import serving

pytestmark = pytest.mark.slow

TABLE = CollectedEvent._meta.db_table
INSERT = (
    f"INSERT INTO {TABLE} (id, created_at, user_id, event_type, event_data, ip_hash, received_at) "
    "VALUES (%s, %s, %s, 'click', '{}', '', %s)"
)


@pytest.fixture
def daily(environment):
    return environment | {"MAINTENANCE": "daily"}


@pytest.fixture
def database(environment):
    with psycopg.connect(environment["ANALYTICS_DATABASE_URL"], autocommit=True) as connection:
        yield connection


def put_event(database, days):
    at = datetime.now(UTC) - timedelta(days=days)
    id = uuid7.new_id(uuid7.to_ms(at))
    database.execute(INSERT, [id, at, id, at])


def count(database, table):
    return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_events_are_deleted_after_their_days_without_a_cron_job(daily, database):
    for days in (89, 91, 400):
        put_event(database, days)
    with serving(daily) as server:
        wait_until(lambda: count(database, "analytics_maintenancerun") == 2)
        assert count(database, TABLE) == 1
        wait_until(lambda: len(children(server.process.pid)) == 2)  # the server and the rollup
    expected = '"message": "retention: 2 rows, 0 partitions of 0 Bytes, 0 salts deleted in '
    assert expected in server.wait_for_output()


def test_a_stop_does_not_wait_for_a_run(daily, database):
    put_event(database, 91)
    patient = daily | {"WRITE_TIMEOUT_SECONDS": "60"}  # for so long it would wait for the lock
    with psycopg.connect(daily["ANALYTICS_DATABASE_URL"]) as other, serving(patient) as server:
        other.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_until(lambda: database.execute(waiting).fetchone()[0])
        started = time.monotonic()
        server.process.terminate()
        assert server.process.wait() == 0
        assert time.monotonic() - started < 20
        other.rollback()
    assert count(database, TABLE) == 1
    assert "Stopped. What is deleted stays so" in server.wait_for_output()
