"""`manage.py retention`: totals, long readers, concurrent runs and interruption"""

import signal
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError
from django.db import DatabaseError, connections, transaction

from analytics.events.models import Event
from analytics.funnel.models import FunnelEvent
from analytics.ingest.bulk_copy import copy_rows
from analytics.platform import stats
from analytics.platform.ingest import TABLE as PLATFORM_EVENTS
from analytics.platform.models import PlatformEvent, PlatformEventRow
from analytics.platform.totals import PlatformTotal
from analytics.streams import deletion, partitions
from analytics.streams.maintenance import MaintenanceRun
from analytics.streams.partitions import Month
from config.db import uuid7
from tests.support.cleanup import drop_partitions
from tests.support.retention import (
    CUTOFF,
    INSTANT,
    NOW,
    OLD,
    RECENT,
    keep_days,
    run_retention,
    stored_times,
    table_line,
)

# Retention has transactions of its own.
pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

NOVEMBER, DECEMBER, JANUARY = (
    f"analytics_event_{month}" for month in ("y2030m11", "y2030m12", "y2031m01")
)


@pytest.fixture(autouse=True)
def _now(clock):
    clock.set(NOW)


@pytest.fixture(autouse=True)
def _partitions():
    """Give two streams the months from November to February, and drop all at the end."""
    for model in (Event, FunnelEvent):
        for month in Month(2030, 11).until(Month(2031, 2)):
            partitions.create(model, month)
    yield
    drop_partitions()


@pytest.fixture
def calls_before_delete(monkeypatch):
    """The ranges passed to Event.before_delete, each with the number of rows then in it."""
    result = []

    def before_delete(low, high, table):
        result.append((low, high, Event.objects.filter(id__gte=low, id__lt=high).count()))

    monkeypatch.setattr(Event, "before_delete", before_delete)
    return result


@contextmanager
def somebody_else(alias="analytics"):
    """A session of another process, in a transaction that ends with the block."""
    other = connections[alias].copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            yield cursor
        other.commit()
    finally:
        other.close()


# Totals


def test_totals_are_updated_by_exact_bounds_before_rows_go(put_events, calls_before_delete):
    put_events(*OLD, *RECENT)
    run_retention("--stream", "event", "--older-than", "60d")
    december, january, february = (Month(*m) for m in ((2030, 12), (2031, 1), (2031, 2)))
    cutoff = uuid7.floor(CUTOFF)
    assert calls_before_delete == [
        (uuid7.floor(Month(2030, 11).start), uuid7.floor(december.start), 1),
        (uuid7.floor(december.start), uuid7.floor(january.start), 1),
        (uuid7.floor(january.start), cutoff, 2),
        (uuid7.LOWEST, cutoff, 1),
    ]
    assert february.start > CUTOFF


def test_batches_share_the_rows(put_events, calls_before_delete, monkeypatch):
    monkeypatch.setattr(deletion, "BATCH_ROWS", 2)
    at = datetime(2031, 1, 2, tzinfo=UTC)
    put_events(*[at + n * INSTANT for n in range(5)])
    run_retention("--stream", "event", "--older-than", "60d")
    batches = calls_before_delete[2:5]
    assert [rows for _, _, rows in batches] == [2, 2, 1]
    assert [low for low, _, _ in batches[1:]] == [high for _, high, _ in batches[:-1]]
    assert stored_times() == []


def test_totals_are_updated_for_each_event_of_a_deleted_website(
    put_events, make_website, user, monkeypatch
):
    batches = []
    monkeypatch.setattr(deletion, "BATCH_ROWS", 2)
    monkeypatch.setattr(Event, "before_delete_rows", lambda rows: batches.append(rows.count()))
    deleted = make_website(user, "gone.example", id=uuid7.new_id(uuid7.to_ms(OLD[0])))
    put_events(*RECENT)
    put_events(*RECENT, website_id=deleted.id)
    deleted.delete()
    run_retention()
    assert batches == [2, 2]
    assert stored_times() == RECENT


def test_rows_stay_if_totals_cannot_be_updated(put_events, monkeypatch):
    def fail(low, high, table):
        raise DatabaseError("counters are away")

    put_events(*OLD, *RECENT)
    monkeypatch.setattr(Event, "before_delete", fail)
    with pytest.raises(DatabaseError, match="counters are away"):
        run_retention("--stream", "event", "--older-than", "60d")
    assert stored_times() == [*OLD, *RECENT]
    assert NOVEMBER in partitions.partition_names(Event)


@pytest.fixture
def meddle(monkeypatch):
    """Let another connection interfere with the first try of January; return what each try saw."""
    tries = []

    def prepare(statement, values=()):
        def before_delete(low, high, table):
            if Month.of(uuid7.time_of(low)) != Month(2031, 1):
                return
            tries.append(Event.objects.filter(id__gte=low, id__lt=high).count())
            if len(tries) == 1:
                with somebody_else() as cursor:
                    cursor.execute(statement, values)

        monkeypatch.setattr(Event, "before_delete", before_delete)
        return tries

    return prepare


def test_a_row_that_is_stored_during_a_batch_is_counted_as_well(put_events, meddle):
    late = datetime(2031, 1, 3, tzinfo=UTC)
    tries = meddle(
        "INSERT INTO analytics_event (id, created_at, website_id, event_type, url, session_id, "
        "visitor_id) SELECT %s, %s, website_id, event_type, url, session_id, visitor_id "
        "FROM analytics_event LIMIT 1",
        [uuid7.new_id(uuid7.to_ms(late)), late],
    )
    put_events(datetime(2031, 1, 2, tzinfo=UTC), datetime(2031, 1, 4, tzinfo=UTC))
    lines = run_retention("--stream", "event", "--older-than", "60d")
    assert tries == [2, 3]
    assert lines[-1].startswith("3 rows, ")
    assert stored_times() == []


def test_a_row_that_goes_during_a_batch_is_not_counted_twice(put_events, meddle):
    gone, stays = datetime(2031, 1, 2, tzinfo=UTC), datetime(2031, 1, 4, tzinfo=UTC)
    tries = meddle("DELETE FROM analytics_event WHERE created_at = %s", [gone])
    put_events(gone, stays)
    run_retention("--stream", "event", "--older-than", "60d")
    assert tries == [2, 1]
    assert stored_times() == []


def test_the_totals_of_platform_events_stay_right(user):
    rows = [
        PlatformEventRow(
            id=uuid7.new_id(uuid7.to_ms(at)), created_at=at, user_id=user.id,
            event_name="a", category="trading", priority="low", properties="{}", session_id=None,
            page_url=None, referrer=None, user_agent=None, client_id=None,
        )
        for at in (*OLD, *RECENT)
    ]  # fmt: skip
    partitions.create(PlatformEvent, Month(2030, 12))
    with transaction.atomic(using="analytics"):
        copy_rows(PLATFORM_EVENTS, rows)
    assert PlatformTotal.objects.get().events == 9
    keep_days(platform=60)
    lines = run_retention()
    assert table_line("platformevent", lines) == (5, 1, 0)
    assert PlatformTotal.objects.get().events == len(RECENT)
    assert stats.rebuild() == stats.Rebuilt(events=4, mended=0)


# Concurrent work


def test_a_month_that_somebody_reads_for_long_is_emptied_and_dropped_later(put_events, monkeypatch):
    monkeypatch.setattr(deletion, "DROP_ATTEMPTS", 2)
    monkeypatch.setattr(deletion, "DROP_PAUSE_SECONDS", 0)
    put_events(*OLD, *RECENT)
    with somebody_else() as cursor:
        cursor.execute("SELECT count(*) FROM analytics_event")
        lines = run_retention("--stream", "event", "--older-than", "60d")
        assert lines[-1].startswith("5 rows, 0 partitions of 0 Bytes")
        assert stored_times() == RECENT
        assert {NOVEMBER, DECEMBER} <= set(partitions.partition_names(Event))
    assert table_line("event", run_retention("--stream", "event", "--older-than", "60d")) == (
        0,
        2,
        0,
    )
    assert {NOVEMBER, DECEMBER} & set(partitions.partition_names(Event)) == set()


def test_two_runs_do_not_mix(put_events):
    put_events(*OLD)
    keep_days(event=60)
    with somebody_else() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('retention'))")
        with pytest.raises(CommandError, match="Another run of retention is at work"):
            run_retention()
        assert stored_times() == OLD
    run_retention()
    assert stored_times() == []


def test_a_run_that_is_stopped_keeps_what_it_has_done(put_events, monkeypatch):
    monkeypatch.setattr(deletion, "BATCH_ROWS", 1)
    calls = []

    def stop(low, high, table):
        calls.append(low)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGTERM)

    put_events(*OLD, *RECENT)
    keep_days(event=60)
    monkeypatch.setattr(Event, "before_delete", stop)
    with pytest.raises(CommandError) as expected:
        run_retention()
    assert str(expected.value) == "Stopped. What is deleted stays so; run it again to go on."
    assert expected.value.returncode == 130
    assert stored_times() == [OLD[0], OLD[4], *RECENT]  # two months and one batch are gone
    assert not MaintenanceRun.objects.exists()
    run_retention()
    assert stored_times() == RECENT
