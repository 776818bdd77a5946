"""Rows that nobody waits for: groups, a full queue, rows and items that fail"""

import pytest
from django.db import connections

from analytics.events.ingest import TABLE
from analytics.events.models import Event
from analytics.ingest import background, writer
from analytics.ingest.background import Sink
from config.api.outcomes import Outcome
from tests.support.events import new_row, stored_rows
from tests.support.writer import rejecting_rows

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)


@pytest.fixture
def lost():
    """The items that were dropped, here the `os` of an event."""
    return []


@pytest.fixture
def sink(lost):
    """Where events go that are given by their `os`."""
    return Sink(TABLE, lambda os: new_row(os=os), lost.append)


def test_queued_rows_are_written_in_few_transactions(sink, lost):
    for n in range(100):
        background.put(sink, str(n))
    background.drain()
    assert lost == []
    assert Event.objects.count() == 100
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM analytics_event")
        [transactions] = cursor.fetchone()
    assert transactions <= 10  # usually one


def test_more_than_a_group_is_stored_too(sink, monkeypatch):
    monkeypatch.setattr(background, "MAX_GROUP_ROWS", 7)
    for n in range(50):
        background.put(sink, str(n))
    background.drain()
    assert Event.objects.count() == 50


def test_a_full_queue_drops_items(sink, lost, monkeypatch):
    monkeypatch.setattr(background, "MAX_WAITING_ITEMS", 2)
    monkeypatch.setattr(background, "PAUSE_SECONDS", 1.0)  # long enough to fill it
    for n in range(4):
        background.put(sink, str(n))
    assert lost == ["2", "3"]
    assert writer.write(TABLE, [new_row(os="waited")]) == [Outcome.STORED]
    background.drain()
    assert {event["os"] for event in stored_rows()} == {"0", "1", "waited"}
    background.put(sink, "later")  # there is room again
    background.drain()
    assert lost == ["2", "3"]
    assert Event.objects.filter(os="later").exists()


def test_a_row_that_the_database_rejects_is_dropped_alone(sink, lost):
    with rejecting_rows("os <> 'refused'"):
        for os in ("good", "refused", "fine"):
            background.put(sink, os)
        background.drain()
    assert lost == ["refused"]
    assert {event["os"] for event in stored_rows()} == {"good", "fine"}


def test_an_item_of_which_no_row_can_be_made_is_dropped_alone(lost, caplog):
    def make_row(os):
        return new_row(os=os) if os != "bad" else 1 // 0

    sink = Sink(TABLE, make_row, lost.append)
    for os in ("good", "bad", "fine"):
        background.put(sink, os)
    background.drain()
    assert lost == ["bad"]
    assert caplog.messages == ["A row of event could not be made"]
    assert {event["os"] for event in stored_rows()} == {"good", "fine"}


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_an_error_in_the_thread_does_not_end_it(lost, caplog, error):
    def make_row(os):
        if os == "bad":
            raise error
        return new_row(os=os)

    def drop(item):
        lost.append(item)
        raise error  # it must not, but who knows

    sink = Sink(TABLE, make_row, drop)
    for os in ("bad", "fine"):
        background.put(sink, os)
        background.drain()
    assert {event["os"] for event in stored_rows()} == {"fine"}
    assert "Rows lost" in caplog.messages


def test_an_item_without_a_row_is_not_lost(lost):
    background.put(Sink(TABLE, lambda item: None, lost.append), "unwanted")
    background.drain()
    assert lost == []
    assert not Event.objects.exists()
