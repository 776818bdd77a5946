"""The snapshot of runtime settings"""

import pytest

from config import runtime
from config.db import uuid7
from config.models import RuntimeSettings, SettingChange
from config.runtime import snapshot
from tests.support.databases import failing
from tests.support.responses import run_concurrently

pytestmark = pytest.mark.django_db


def switch_off():
    RuntimeSettings(pk=1, tracking_enabled="false").save()


def test_without_a_row_the_defaults_are_in_force():
    assert runtime.current() == runtime.Snapshot(
        tracking_enabled=True,
        events_enabled=True,
        activity_enabled=True,
        platform_enabled=True,
        collect_enabled=True,
        public_event_reads=True,
        registration_enabled=True,
        platform_stats_public=True,
        max_event_data_bytes=10_000,
        track_retention_days=0,
        session_retention_days=0,
        event_retention_days=0,
        activity_retention_days=0,
        platform_retention_days=0,
        collect_retention_days=90,
        statistics_retention_days=0,
    )
    assert not RuntimeSettings.objects.exists()


def test_a_change_is_in_force_after_a_second(clock):
    assert snapshot.MAX_AGE_SECONDS < 2
    assert runtime.current().tracking_enabled
    switch_off()
    clock.move(seconds=snapshot.MAX_AGE_SECONDS - 0.01)
    assert runtime.current().tracking_enabled
    clock.move(seconds=0.01)
    assert not runtime.current().tracking_enabled


def test_a_second_costs_one_query(clock, django_assert_num_queries):
    with django_assert_num_queries(1):
        for _ in range(5):
            runtime.current()
    clock.move(seconds=snapshot.MAX_AGE_SECONDS)
    with django_assert_num_queries(1):
        runtime.current()


def test_the_last_good_settings_stay_while_the_database_is_down(clock, request, caplog):
    switch_off()
    assert not runtime.current().tracking_enabled
    request.getfixturevalue("main_database_away")
    clock.move(seconds=snapshot.MAX_AGE_SECONDS)
    assert not runtime.current().tracking_enabled
    assert "the last known ones stay" in caplog.text


NOON_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


@pytest.fixture
def off_for_an_hour(clock):
    clock.set(uuid7.from_ms(NOON_MS))
    RuntimeSettings.load().change(
        {"tracking_enabled": "TRUE"},
        changed_by="anna@example.com",
        reasons={"tracking_enabled": "a flood"},
        ends={"tracking_enabled": uuid7.from_ms(NOON_MS + HOUR_MS)},
    )


def history():
    fields = ("name", "old", "new", "changed_by", "until")
    return list(SettingChange.objects.values_list(*fields))


def test_a_switch_expires_at_its_end_in_the_row_and_the_history(off_for_an_hour, clock):
    clock.move(milliseconds=HOUR_MS - 1)
    assert not runtime.current().tracking_enabled
    clock.move(milliseconds=1)
    clock.move(seconds=snapshot.MAX_AGE_SECONDS)
    assert runtime.current().tracking_enabled
    row = RuntimeSettings.objects.get()
    assert (row.tracking_enabled, row.ends) == ("true", {})
    expired, set_for_an_hour = SettingChange.objects.all()
    assert expired.changed_at == set_for_an_hour.until == uuid7.from_ms(NOON_MS + HOUR_MS)
    assert (expired.old, expired.new, expired.changed_by) == ("TRUE", "true", "expired")


def test_a_switch_that_is_on_for_a_while_turns_off(clock):
    clock.set(uuid7.from_ms(NOON_MS))
    RuntimeSettings(pk=1, events_enabled="").save()
    end = uuid7.from_ms(NOON_MS + HOUR_MS)
    RuntimeSettings.load().change(
        {"events_enabled": "true"}, changed_by="a", ends={"events_enabled": end}
    )
    assert runtime.current().events_enabled
    clock.move(milliseconds=HOUR_MS)
    clock.move(seconds=snapshot.MAX_AGE_SECONDS)
    assert not runtime.current().events_enabled
    assert RuntimeSettings.objects.get().events_enabled == "false"


def test_a_switch_expires_while_the_database_is_down(off_for_an_hour, clock, request):
    assert not runtime.current().tracking_enabled
    with failing("default", "the main database is away"):
        clock.move(milliseconds=HOUR_MS)
        clock.move(seconds=snapshot.MAX_AGE_SECONDS)
        assert runtime.current().tracking_enabled
    assert RuntimeSettings.objects.get().tracking_enabled == "TRUE"
    clock.move(seconds=snapshot.MAX_AGE_SECONDS)
    assert runtime.current().tracking_enabled
    assert RuntimeSettings.objects.get().tracking_enabled == "true"


def test_a_new_value_forgets_the_end_of_the_old_one(off_for_an_hour, clock):
    RuntimeSettings.load().change({"tracking_enabled": "false"}, changed_by="b@example.com")
    assert RuntimeSettings.objects.get().ends == {}
    clock.move(milliseconds=HOUR_MS)
    assert RuntimeSettings.load().tracking_enabled == "false"


def test_another_end_is_a_change_of_its_own(off_for_an_hour, clock):
    later = uuid7.from_ms(NOON_MS + 2 * HOUR_MS)
    clock.move(milliseconds=1)
    RuntimeSettings.load().change(
        {"tracking_enabled": "TRUE"}, changed_by="b", ends={"tracking_enabled": later}
    )
    assert history()[0] == ("tracking_enabled", "TRUE", "TRUE", "b", later)
    RuntimeSettings.load().change(
        {"tracking_enabled": "TRUE"}, changed_by="c", ends={"tracking_enabled": later}
    )
    assert len(history()) == 2


def test_a_change_after_the_end_comes_after_it_in_the_history(off_for_an_hour, clock):
    clock.move(milliseconds=2 * HOUR_MS)
    RuntimeSettings(pk=1).change({"tracking_enabled": "false"}, changed_by="c")
    assert [(old, new, by) for _, old, new, by, _ in history()] == [
        ("true", "false", "c"),
        ("TRUE", "true", "expired"),
        ("true", "TRUE", "anna@example.com"),
    ]


@pytest.mark.django_db(transaction=True)
def test_processes_that_expire_a_switch_concurrently_write_one_entry(off_for_an_hour, clock):
    clock.move(milliseconds=HOUR_MS)
    rows = run_concurrently(*[RuntimeSettings.load] * 4)
    assert {row.tracking_enabled for row in rows} == {"true"}
    assert [by for _, _, _, by, _ in history()] == ["expired", "anna@example.com"]
