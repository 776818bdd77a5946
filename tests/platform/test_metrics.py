"""millrace_ingest_total of the platform API"""

import pytest
from django.db import OperationalError, connections

from analytics.ingest import commit
from tests.support.metrics import KILL_SWITCH, REJECTED, STORED, WRITE_FAILED, outcome_counter
from tests.support.platform import (
    BATCH_PATH,
    HEALTH_PATH,
    MINIMAL_EVENT,
    PATH,
    STATS_PATH,
    batch_of,
)
from tests.support.runtime_settings import change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.fixture
def counted(api):
    return outcome_counter(api, "platform")


def test_stored_events(api, token, counted):
    api.post(PATH, MINIMAL_EVENT, token=token)
    assert counted() == {STORED: 1}
    api.post(BATCH_PATH, batch_of(*[MINIMAL_EVENT] * 7), token=token)
    assert counted() == {STORED: 7}


def test_events_while_the_switch_is_off(api, token, counted):
    change_settings(platform_enabled="false")
    api.post(PATH, MINIMAL_EVENT, token=token)
    assert counted() == {KILL_SWITCH: 1}
    api.post(BATCH_PATH, batch_of(*[MINIMAL_EVENT] * 7), token=token)
    assert counted() == {KILL_SWITCH: 7}


def test_events_without_a_database(api, token, counted, monkeypatch):
    def away(table, rows):
        raise OperationalError("the analytics database is away")

    monkeypatch.setattr(commit, "copy_rows", away)
    api.post(PATH, MINIMAL_EVENT, token=token)
    assert counted() == {WRITE_FAILED: 1}
    api.post(BATCH_PATH, batch_of(*[MINIMAL_EVENT] * 7), token=token)
    assert counted() == {WRITE_FAILED: 7}


def test_events_that_the_database_rejects(api, token, counted):
    check = "ADD CHECK (event_name <> 'refused') NOT VALID"
    with connections["analytics"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE analytics_platformevent {check}")
    api.post(
        BATCH_PATH, batch_of(MINIMAL_EVENT, {"event_name": "refused"}, MINIMAL_EVENT), token=token
    )
    assert counted() == {STORED: 2, WRITE_FAILED: 1}
    api.post(PATH, {"event_name": "refused"}, token=token)
    assert counted() == {WRITE_FAILED: 1}


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"events": [{}] * 5}, 5),
        ({"events": [MINIMAL_EVENT] * 101}, 101),
        ({"events": []}, 1),
        ([1], 1),
    ],
    ids=lambda value: str(value)[:25],
)
def test_a_batch_that_is_rejected_as_a_whole(api, token, counted, body, count):
    api.post(BATCH_PATH, body, token=token)
    assert counted() == {REJECTED: count}


def test_a_request_that_is_rejected(api, token, counted):
    for body, content_type in (
        (b"{", "application/json"),
        (b"{}", "application/json"),
        (b"{}", ""),
    ):
        api.post_bytes(PATH, body, content_type, token=token)
        assert counted() == {REJECTED: 1}
    api.post(PATH, MINIMAL_EVENT, token="no token")
    assert counted() == {REJECTED: 1}


def test_what_is_no_ingest_is_not_counted(api, token, counted):
    api.get(STATS_PATH, token=token)
    api.get(HEALTH_PATH)
    api.put(PATH)
    assert counted() == {}
