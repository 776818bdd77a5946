"""millrace_ingest_total of the events API"""

import json

import pytest
from django.db import OperationalError, connections

from analytics.ingest import commit
from tests.support.events import BATCH_PATH, PATH, event_of, new_id
from tests.support.metrics import (
    DUPLICATE,
    KILL_SWITCH,
    REJECTED,
    STORED,
    WRITE_FAILED,
    outcome_counter,
)
from tests.support.runtime_settings import change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.fixture
def counted(api):
    return outcome_counter(api, "events")


def away(table, rows):
    raise OperationalError("the analytics database is away")


def test_a_single_event_is_counted_by_its_outcome(api, website, make_website, user, counted):
    other = make_website(user, "other.example")
    sent = event_of(website, id=new_id())
    api.post(PATH, sent)
    assert counted() == {STORED: 1}
    api.post(PATH, sent)
    assert counted() == {DUPLICATE: 1}
    api.post(PATH, sent | {"trackingCode": other.tracking_code})
    assert counted() == {REJECTED: 1}


@pytest.mark.parametrize(
    ("changes", "content_type"),
    [
        ({"url": "x"}, "application/json"),
        ({"trackingCode": "pm-nobody"}, "application/json"),
        ({}, "text/html"),
        ({"filling": "x" * 1_048_576}, "application/json"),
    ],
    ids=lambda value: str(value)[:25],
)
def test_a_rejected_request_counts_one_rejected_event(api, website, counted, changes, content_type):
    body = json.dumps(event_of(website, **changes))
    assert api.post_bytes(PATH, body, content_type).status_code >= 400
    assert counted() == {REJECTED: 1}


def test_events_are_counted_as_dropped_while_the_switch_is_off(api, website, counted):
    change_settings(events_enabled="false")
    api.post(PATH, event_of(website))
    assert counted() == {KILL_SWITCH: 1}
    api.post(BATCH_PATH, {"events": [event_of(website)] * 7})
    assert counted() == {KILL_SWITCH: 7}
    api.post(BATCH_PATH, {"events": [event_of(website), event_of(website, url="x"), "x"]})
    assert counted() == {KILL_SWITCH: 1, REJECTED: 2}


def test_events_are_counted_as_dropped_when_the_write_failed(api, website, counted, monkeypatch):
    monkeypatch.setattr(commit, "copy_rows", away)
    api.post(PATH, event_of(website))
    assert counted() == {WRITE_FAILED: 1}
    api.post(BATCH_PATH, {"events": [event_of(website)] * 7})
    assert counted() == {WRITE_FAILED: 7}


def test_each_event_of_a_batch_is_counted_by_its_own_outcome(
    api, website, make_website, user, counted
):
    known = event_of(website, id=new_id())
    theirs = event_of(make_website(user, "other.example"), id=new_id())
    api.post(BATCH_PATH, {"events": [known, theirs]})
    assert counted() == {STORED: 2}

    new = event_of(website, id=new_id())
    conflict = event_of(website, id=theirs["id"])
    homeless = event_of(website, trackingCode="pm-nobody")
    bad = event_of(website, url="x")
    events = [bad, known, new, new, event_of(website), conflict, homeless, "x"]
    assert api.post(BATCH_PATH, {"events": events}).json()["eventsCreated"] == 3
    assert counted() == {STORED: 2, DUPLICATE: 2, REJECTED: 4}


def test_a_row_that_the_database_rejects_is_counted_alone(api, website, counted):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_event ADD CHECK (session_id <> 'refused') NOT VALID")
    refused = event_of(website, sessionId="refused")
    api.post(BATCH_PATH, {"events": [event_of(website), refused, event_of(website)]})
    ends = counted()
    assert ends.pop(STORED) == 2
    assert sum(ends.values()) == 1


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"events": [{}] * 5}, 5),
        ({"events": [None] * 1001}, 1001),
        ({"events": []}, 1),
        ({"events": "xxxxx"}, 1),
        ({}, 1),
        ([1, 2, 3], 1),
    ],
    ids=lambda value: str(value)[:25],
)
def test_a_batch_that_is_rejected_as_a_whole_counts_its_events(api, counted, body, count):
    api.post(BATCH_PATH, body)
    assert counted() == {REJECTED: count}


def test_json_that_cannot_be_read_counts_one_event(api, counted):
    api.post_bytes(BATCH_PATH, b'{"events": [')
    assert counted() == {REJECTED: 1}


def test_what_is_no_ingest_is_not_counted(api, website, counted):
    api.get(PATH, {"trackingCode": website.tracking_code})
    api.get(f"{PATH}/{new_id()}")
    api.put(PATH)
    api.options(PATH, headers={"Origin": "https://a.example"})
    assert counted() == {}
