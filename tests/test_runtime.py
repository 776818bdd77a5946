"""The snapshot of the runtime settings that every request reads."""

import pytest

from config import runtime
from config.models import RuntimeSettings

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """The clock of the snapshot; a list with the seconds."""
    seconds = [1000.0]
    monkeypatch.setattr("config.runtime.time.monotonic", lambda: seconds[0])
    return seconds


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
        max_event_data_bytes=10_000,
        track_retention_days=0,
        session_retention_days=0,
        event_retention_days=0,
        activity_retention_days=0,
        platform_retention_days=0,
        collect_retention_days=90,
    )
    assert not RuntimeSettings.objects.exists()


def test_a_change_is_in_force_after_a_second(clock):
    assert runtime.MAX_AGE_SECONDS < 2
    assert runtime.current().tracking_enabled
    switch_off()
    clock[0] += runtime.MAX_AGE_SECONDS - 0.01
    assert runtime.current().tracking_enabled
    clock[0] += 0.01
    assert not runtime.current().tracking_enabled


def test_a_second_costs_one_query(clock, django_assert_num_queries):
    with django_assert_num_queries(1):
        for _ in range(5):
            runtime.current()
    clock[0] += runtime.MAX_AGE_SECONDS
    with django_assert_num_queries(1):
        runtime.current()


def test_the_last_good_settings_stay_while_the_database_is_away(clock, request, caplog):
    switch_off()
    assert not runtime.current().tracking_enabled
    request.getfixturevalue("main_database_away")
    clock[0] += runtime.MAX_AGE_SECONDS
    assert not runtime.current().tracking_enabled
    assert "the last known ones stay" in caplog.text
