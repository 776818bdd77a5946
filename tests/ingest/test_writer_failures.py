"""Group commit with locks, deadlocks, lost connections and crashes"""

import time

import pytest

from analytics.events.ingest import TABLE
from analytics.events.models import Event
from analytics.ingest import commit, writer
from config.api.errors import StorageUnavailable
from config.api.outcomes import Outcome
from config.db import uuid7
from tests.support.api import Api
from tests.support.databases import (
    IS_ANYONE_WAITING,
    LOCK_WAITERS,
    connect_to_analytics,
    terminate_other_connections,
    wait_until_true,
)
from tests.support.events import (
    AT_MS,
    BATCH_PATH,
    DUPLICATE,
    ID,
    PATH,
    UNAVAILABLE,
    WRITE_FAILED,
    event_body,
    event_of,
    expected_row,
    full_event_of,
    new_id,
    new_row,
    stored_rows,
)
from tests.support.responses import assert_response, run_concurrently
from tests.support.writer import TIMEOUT_SECONDS, writer_paused

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

INSERT = (
    "INSERT INTO analytics_event "
    "(id, created_at, website_id, event_type, url, session_id, visitor_id) "
    "VALUES (%s, now(), %s, 'pageview', 'https://example.com/', 'theirs', 'vis-1')"
)
LATE = 1.0  # seconds that an answer may come after its time limit


# Two processes with the same ids


def test_two_writers_with_the_same_ids_in_opposite_order_both_succeed(make_process):
    rows = [new_row() for _ in range(200)]
    one, other = make_process(), make_process()
    forth, back = run_concurrently(
        lambda: one.write(TABLE, rows), lambda: other.write(TABLE, list(reversed(rows)))
    )
    for mine, theirs in zip(forth, reversed(back), strict=True):
        assert {mine, theirs} == {Outcome.STORED, Outcome.DUPLICATE}
    assert Event.objects.count() == 200


def test_rows_are_locked_in_the_order_of_their_ids(website, foreign):
    low, high = (str(uuid7.new_id(ms)) for ms in (AT_MS, AT_MS + 1))
    foreign.execute("SET lock_timeout = '500ms'")  # less than PostgreSQL takes to find a deadlock
    foreign.commit()
    foreign.execute(INSERT, [low, website.id])
    with connect_to_analytics(autocommit=True) as watching:
        events = [event_of(website, id=high), event_of(website, id=low)]

        def finish():
            wait_until_true(IS_ANYONE_WAITING, watching)  # the writer, for `low`
            foreign.execute(INSERT, [high, website.id])  # which has not taken `high` yet
            foreign.commit()

        response, _ = run_concurrently(lambda: Api().post(BATCH_PATH, {"events": events}), finish)
    assert (response.status_code, response["X-Event-Outcome"]) == (201, "duplicate")
    assert Event.objects.count() == 2


def test_a_deadlock_is_retried(api, website, foreign):
    low, high = (str(uuid7.new_id(ms)) for ms in (AT_MS, AT_MS + 1))
    foreign.execute("SET deadlock_timeout = '60s'")  # so that it is the writer who notices
    foreign.commit()
    foreign.execute(INSERT, [high, website.id])
    with connect_to_analytics(autocommit=True) as watching:
        events = [event_of(website, id=low), event_of(website, id=high), event_of(website)]

        def finish():
            wait_until_true(IS_ANYONE_WAITING, watching)  # the writer, which has `low`, for `high`
            foreign.execute(INSERT, [low, website.id])  # now each waits for the other
            foreign.commit()

        response, _ = run_concurrently(lambda: Api().post(BATCH_PATH, {"events": events}), finish)
    assert (response.status_code, response["X-Event-Outcome"]) == (201, "stored")
    assert response.json()["eventsCreated"] == 3
    assert [event["session_id"] for event in reversed(stored_rows())].count("theirs") == 2
    assert Event.objects.count() == 3


# Failures of storage


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_a_write_that_is_not_confirmed_in_time_is_unavailable(
    api, website, settings, foreign, path
):
    settings.WRITE_TIMEOUT_SECONDS = 0.3
    event = event_of(website, id=ID)
    body = event if path == PATH else {"events": [event, event_of(website)]}
    foreign.execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")

    started = time.monotonic()
    response = api.post(path, body)
    took = time.monotonic() - started
    foreign.rollback()

    assert_response(response, 503, UNAVAILABLE, WRITE_FAILED)
    assert 0.3 <= took < 0.3 + LATE
    settings.WRITE_TIMEOUT_SECONDS = TIMEOUT_SECONDS
    response = api.post(path, body)  # the first one may have been stored after all
    assert response.status_code in (200, 201)
    assert Event.objects.filter(id=ID).count() == 1


def test_rows_that_no_group_has_taken_are_withdrawn(settings):
    with writer_paused() as go:
        settings.WRITE_TIMEOUT_SECONDS = 0.1
        with pytest.raises(StorageUnavailable):
            writer.write(TABLE, [new_row(os="withdrawn")])
        settings.WRITE_TIMEOUT_SECONDS = TIMEOUT_SECONDS
        go.set()
        assert writer.write(TABLE, [new_row(os="later")]) == [Outcome.STORED]
    assert not Event.objects.filter(os="withdrawn").exists()


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_after_a_lost_connection_the_next_write_just_works(api, website, path):
    body = event_of(website) if path == PATH else {"events": [event_of(website)]}
    assert api.post(path, body).status_code == 201
    terminate_other_connections("analytics")
    assert_answer_is_stored(api.post(path, body))
    assert len(stored_rows()) == 2


def assert_answer_is_stored(response):
    assert (response.status_code, response["X-Event-Outcome"]) == (201, "stored")


def test_after_a_lost_connection_a_known_event_is_a_duplicate(api, website):
    sent = full_event_of(website, id=ID)
    api.post(PATH, sent)
    terminate_other_connections("analytics")
    assert_response(api.post(PATH, sent), 200, event_body(sent, website, id=ID), DUPLICATE)
    assert stored_rows() == [expected_row(sent, website, id=ID)]


def test_a_connection_that_is_lost_within_a_write_is_used_no_more(api, website, foreign):
    sent = event_of(website, id=new_id())
    api.post(PATH, event_of(website))
    foreign.execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")
    with connect_to_analytics(autocommit=True) as watching:

        def cut():
            wait_until_true(IS_ANYONE_WAITING, watching)
            watching.execute(f"SELECT pg_terminate_backend(pid, 5000) {LOCK_WAITERS}")
            foreign.rollback()

        response, _ = run_concurrently(lambda: Api().post(PATH, sent), cut)
    assert_answer_is_stored(response)  # nothing was committed, so a second try was safe
    assert Event.objects.filter(id=sent["id"]).count() == 1


def test_a_crash_in_the_thread_fails_its_group_and_not_the_next(api, website, monkeypatch):
    def crash(table, rows):
        raise RuntimeError("a secret")

    with monkeypatch.context() as patch:
        patch.setattr(commit, "copy_rows", crash)
        assert_response(api.post(PATH, event_of(website)), 503, UNAVAILABLE, WRITE_FAILED)
    assert_answer_is_stored(api.post(PATH, event_of(website)))
    assert len(stored_rows()) == 1


def test_what_is_acknowledged_is_committed(api, website, foreign):
    response = api.post(PATH, event_of(website))
    found = foreign.execute("SELECT id::text FROM analytics_event").fetchall()
    assert found == [(response.json()["id"],)]
