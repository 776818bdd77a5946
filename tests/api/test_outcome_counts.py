"""Outcome counts, shared by all processes"""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connections

from config.api import outcome_counts
from config.api.outcomes import Outcome
from config.db import uuid7
from config.models import OutcomeCount
from tests.support.databases import failing
from tests.support.live_client import event, new_website, register, send_request
from tests.support.processes import wait_until
from tests.support.server import serving

BOTH = pytest.mark.django_db(databases=["default", "analytics"])
NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def noon(clock):
    clock.set(NOON)
    return clock


def rows():
    fields = ("slot", "api", "outcome", "reason", "events")
    return list(OutcomeCount.objects.order_by("pk").values_list(*fields))


@BOTH
def test_what_was_counted_is_written_once(noon):
    Outcome.STORED.count("events", 3)
    Outcome.KILL_SWITCH.count("track")
    outcome_counts.flush()
    outcome_counts.flush()
    assert rows() == [
        (NOON, "events", "stored", "", 3),
        (NOON, "track", "dropped", "kill_switch", 1),
    ]


@BOTH
def test_counts_of_one_slot_add_up_over_processes(noon):
    OutcomeCount.objects.create(slot=NOON, api="events", outcome="stored", reason="", events=40)
    for after in (0, 4, 5):
        noon.set(NOON + after * MINUTE)
        Outcome.STORED.count("events")
        outcome_counts.flush()
    assert rows() == [
        (NOON, "events", "stored", "", 42),
        (NOON + 5 * MINUTE, "events", "stored", "", 1),
    ]


@BOTH
def test_flush_without_counts_is_no_query(django_assert_num_queries):
    with django_assert_num_queries(0, using="analytics"):
        outcome_counts.flush()


@BOTH
def test_an_outage_delays_the_counts_and_preserves_their_times(noon, caplog):
    Outcome.STORED.count("events", 2)
    with failing("analytics", "the analytics database is away"):
        outcome_counts.flush()
    assert "Outcome counts are not written now" in caplog.text
    noon.set(NOON + 10 * MINUTE)
    Outcome.STORED.count("events", 5)
    outcome_counts.flush()
    assert rows() == [
        (NOON, "events", "stored", "", 2),
        (NOON + 10 * MINUTE, "events", "stored", "", 5),
    ]


@BOTH
def test_a_long_outage_takes_bounded_memory_and_loses_no_event(noon, monkeypatch):
    monkeypatch.setattr(outcome_counts, "MAX_PENDING", 2)
    with failing("analytics", "the analytics database is away"):
        for slot in range(10):
            noon.set(NOON + slot * outcome_counts.SLOT)
            Outcome.STORED.count("events")
            outcome_counts.flush()
    outcome_counts.flush()
    assert [events for *_, events in rows()] == [1, 9]


@BOTH
def test_counts_are_deleted_after_their_retention(noon):
    old = {"api": "events", "outcome": "stored", "reason": "", "events": 1}
    OutcomeCount.objects.create(slot=NOON - outcome_counts.RETENTION - outcome_counts.SLOT, **old)
    OutcomeCount.objects.create(slot=NOON - outcome_counts.RETENTION, **old)
    Outcome.STORED.count("events")
    outcome_counts.flush()
    assert [slot for slot, *_ in rows()] == [NOON - outcome_counts.RETENTION, NOON]


@BOTH
def test_sums_and_hours_begin_at_the_given_time(noon):
    for minutes, events in ((-65, 1), (-60, 2), (-5, 4), (0, 8)):
        OutcomeCount.objects.create(
            slot=NOON + minutes * MINUTE, api="events", outcome="stored", reason="", events=events
        )
    OutcomeCount.objects.create(slot=NOON, api="track", outcome="dropped", reason="bot", events=16)
    assert outcome_counts.sums(NOON - 60 * MINUTE) == {
        ("events", "stored", ""): 14,
        ("track", "dropped", "bot"): 16,
    }
    assert outcome_counts.by_hour(NOON - 60 * MINUTE) == {
        (NOON - 60 * MINUTE, "stored"): 6,
        (NOON, "stored"): 8,
        (NOON, "dropped"): 16,
    }


@BOTH
def test_the_sums_of_a_day_walk_the_primary_key():
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO config_tally SELECT now() - n * interval '5 minutes', 'events', "
            "'stored', '', 1 FROM generate_series(1, 10000) n"
        )
        cursor.execute("ANALYZE config_tally")
        sql = OutcomeCount.objects.since(uuid7.now() - timedelta(days=1)).explain()
    assert "config_tally_pkey" in sql


@pytest.mark.slow
def test_a_server_that_stops_writes_what_it_counted(environment, postgres):
    with serving(environment) as server:
        code = new_website(server.port, register(server.port))
        for _ in range(3):
            send_request(server.port, "POST", "/api/v1/events", event(code))
    with psycopg.connect(postgres.analytics_url) as connection:
        result = connection.execute(
            "SELECT api, outcome, sum(events) FROM config_tally GROUP BY 1, 2"
        )
        assert result.fetchall() == [("events", "stored", 3)]
    with serving(environment) as server, psycopg.connect(postgres.analytics_url) as link:
        link.autocommit = True
        send_request(server.port, "POST", "/api/v1/events", event(code))
        total = "SELECT sum(events) FROM config_tally"
        wait_until(lambda: link.execute(total).fetchone() == (4,))
