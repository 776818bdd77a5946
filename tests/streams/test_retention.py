"""`manage.py retention`: which rows are deleted"""

import pytest
from django.core.management import CommandError

from analytics.events.models import Event
from analytics.funnel.models import FunnelEvent
from analytics.sessions.models import PageView, Session
from analytics.streams import partitions
from analytics.streams.base import streams
from analytics.streams.maintenance import MaintenanceRun
from analytics.streams.partitions import Month
from config.api import address_hash
from config.db import uuid7
from config.models import DailySalt, RuntimeSettings
from tests.support.cleanup import drop_partitions
from tests.support.retention import (
    CUTOFF,
    NOW,
    OLD,
    RECENT,
    keep_days,
    run_retention,
    stored_times,
    table_line,
)
from tests.support.session_rows import store_page_view, store_session

# Retention has transactions of its own.
pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

DEFAULT = "analytics_event_default"
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


# Deleted rows


def test_each_stream_names_the_setting_of_its_days():
    settings = {name for name in RuntimeSettings.names() if name.endswith("_retention_days")}
    named = {model.__name__: model.retention_setting for model in streams()}
    assert set(named.values()) <= settings
    assert {"Event", "FunnelEvent", "PageView", "Session"} <= named.keys()
    assert (named["Event"], named["FunnelEvent"]) == (
        "event_retention_days",
        "track_retention_days",
    )
    assert named["Session"] == named["PageView"] == "session_retention_days"


def test_it_drops_whole_months_and_deletes_the_rest_by_rows(put_events):
    put_events(*OLD, *RECENT)
    keep_days(event=60)
    lines = run_retention()
    assert table_line("event", lines) == (5, 2, 0)
    assert stored_times() == RECENT
    names = set(partitions.partition_names(Event))
    assert {NOVEMBER, DECEMBER} & names == set()
    assert {DEFAULT, JANUARY, "analytics_event_y2031m02"} <= names
    assert lines[-1].startswith("5 rows, 2 partitions of ")


def test_a_dry_run_reports_the_same_numbers_and_deletes_nothing(put_events):
    put_events(*OLD, *RECENT)
    keep_days(event=60)
    DailySalt.objects.create(day=NOW.date() - address_hash.RETENTION)
    before = partitions.partition_names(Event)
    lines = run_retention("--dry-run")
    assert stored_times() == [*OLD, *RECENT]
    assert partitions.partition_names(Event) == before
    assert DailySalt.objects.exists()
    assert not MaintenanceRun.objects.exists()
    done = run_retention()
    assert done[:-1] == lines[:-1]
    assert lines[-1].endswith(" 1 salts would be deleted.")
    assert lines[-1].removesuffix(" would be deleted.") == done[-1].partition(" deleted in ")[0]


def test_by_default_nothing_is_deleted(put_events):
    put_events(*OLD, *RECENT)
    assert table_line("event", run_retention()) == (0, 0, 0)
    assert stored_times() == [*OLD, *RECENT]


def test_a_second_run_finds_nothing_to_do(put_events):
    put_events(*OLD, *RECENT)
    keep_days(event=60)
    run_retention()
    assert table_line("event", run_retention()) == (0, 0, 0)
    assert stored_times() == RECENT


def test_each_stream_obeys_its_own_setting(put_events, user):
    put_events(*OLD)
    session = store_session(uuid7.to_ms(OLD[2]))
    views = [store_page_view(session, uuid7.to_ms(at)) for at in (OLD[2], CUTOFF)]
    for at in (OLD[2], CUTOFF):
        FunnelEvent.objects.create(
            id=uuid7.new_id(uuid7.to_ms(at)), created_at=at, user=user,
            event_type="signup", event_data={},
        )  # fmt: skip
    keep_days(session=60)
    run_retention()
    assert stored_times() == OLD
    assert stored_times(FunnelEvent) == [OLD[2], CUTOFF]
    assert not Session.objects.exists()
    assert list(PageView.objects.values_list("id", flat=True)) == [views[1].id]
    keep_days(track=60)
    run_retention()
    assert stored_times(FunnelEvent) == [CUTOFF]
    assert "analytics_funnelevent_y2030m12" not in partitions.partition_names(FunnelEvent)


def test_one_stream_for_a_number_of_days(put_events):
    put_events(*OLD, *RECENT)
    store_session(uuid7.to_ms(OLD[2]))
    lines = run_retention("--stream", "event", "--older-than", "60d")
    assert [line.split()[0] for line in lines[1:-1]] == ["stream", "event"]
    assert stored_times() == RECENT
    assert Session.objects.exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--older-than", "60d"], "--older-than needs --stream, for it takes the place"),
        (["--stream", "events", "--older-than", "60d"], "There is no stream events; there are "),
        (["--stream", "event", "--older-than", "60"], "'60' is no number of days"),
        (["--stream", "event", "--older-than", "0d"], "'0d' is no number of days"),
        (["--stream", "event", "--older-than", "36501d"], "'36501d' is no number of days"),
    ],
)  # fmt: skip
def test_an_invalid_option_is_a_command_error_and_deletes_nothing(put_events, options, sentence):
    put_events(*OLD)
    with pytest.raises(CommandError) as expected:
        run_retention(*options)
    assert str(expected.value).startswith(sentence)
    assert stored_times() == OLD


# Deleted websites


def test_the_events_of_a_deleted_website_go_whatever_their_age(put_events, make_website, user):
    deleted = make_website(user, "gone.example", id=uuid7.new_id(uuid7.to_ms(OLD[0])))
    put_events(*OLD, *RECENT)
    put_events(*OLD, *RECENT, website_id=deleted.id)
    assert table_line("event", run_retention()) == (0, 0, 0)
    deleted.delete()
    assert table_line("event", run_retention("--dry-run")) == (9, 0, 1)
    assert len(stored_times()) == 18
    assert table_line("event", run_retention()) == (9, 0, 1)
    assert stored_times() == [*OLD, *RECENT]


def test_what_is_old_anyway_is_not_counted_twice(put_events, old_website):
    put_events(*OLD, *RECENT)
    old_website.delete()
    keep_days(event=60)
    lines = run_retention()
    assert table_line("event", lines) == (9, 2, 1)
    assert lines[-1].startswith("9 rows, ")
    assert stored_times() == []


# The record of a run


def test_a_complete_run_is_recorded(put_events, clock):
    put_events(*OLD)
    keep_days(event=60)
    run_retention("--stream", "event")
    assert MaintenanceRun.last("retention") is None
    DailySalt.objects.create(day=NOW.date() - address_hash.RETENTION)
    DailySalt.objects.create(day=NOW.date())
    run_retention()
    last = MaintenanceRun.objects.get(name="retention")
    assert last.summary == "0 rows, 0 partitions of 0 Bytes, 1 salts deleted"
    assert list(DailySalt.objects.values_list("day", flat=True)) == [NOW.date()]
    clock.move(seconds=1)
    run_retention()
    assert MaintenanceRun.objects.get().finished_at > last.finished_at
