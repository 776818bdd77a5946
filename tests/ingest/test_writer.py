"""Group commit: groups, rejected rows, batches and the writer's state"""

import time
from dataclasses import replace

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.events.ingest import TABLE
from analytics.events.models import Event, EventType
from analytics.ingest import commit, writer
from analytics.ingest.group_writer import State
from config.api.errors import StorageUnavailable
from config.api.outcomes import Outcome
from config.db import uuid7
from tests.support.api import Api
from tests.support.events import (
    BATCH_PATH,
    DUPLICATE,
    ID,
    PATH,
    STORED,
    WRITE_FAILED,
    event_body,
    event_of,
    expected_row,
    full_event_of,
    new_row,
    stored_rows,
)
from tests.support.processes import wait_until
from tests.support.responses import assert_response, run_concurrently
from tests.support.writer import (
    TIMEOUT_SECONDS,
    rejecting_rows,
    write_in_thread,
    writer_paused,
    writer_state,
    writer_threads,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

FAILED = {"error": "INTERNAL_SERVER_ERROR", "message": "Failed to create event"}


def posts(*events):
    """Return calls that each post an event with a client of its own."""
    return [lambda event=event: Api().post(PATH, event) for event in events]


# Concurrency


def test_of_fifty_requests_with_one_id_one_stores_the_event(website):
    events = [full_event_of(website, id=ID, os=f"os {n}") for n in range(50)]
    responses = run_concurrently(*posts(*events))
    [event] = stored_rows()
    winner = events[int(event["os"].removeprefix("os "))]
    assert event == expected_row(winner, website, id=ID)
    body = event_body(winner, website, id=ID)
    for response in responses:
        is_new = response.status_code == 201
        assert_response(response, 201 if is_new else 200, body, STORED if is_new else DUPLICATE)
    assert sorted(response.status_code for response in responses) == [200] * 49 + [201]


def test_of_two_websites_with_one_id_one_stores_the_event(website, make_website, user):
    sites = [website, make_website(user, "other.example")]
    responses = run_concurrently(*posts(*(event_of(sites[n % 2], id=ID) for n in range(20))))
    [event] = stored_rows()
    for response, site in zip(responses, sites * 10, strict=True):
        assert (response.status_code in (200, 201)) == (site.id == event["website_id"])
    assert sorted(response.status_code for response in responses) == [200] * 9 + [201] + [409] * 10


def test_a_hundred_events_at_once_are_all_stored(website):
    events = [full_event_of(website, sessionId=f"sess-{n}") for n in range(100)]
    responses = run_concurrently(*posts(*events))
    assert {response.status_code for response in responses} == {201}
    result = [(response.json()["id"], response.json()["sessionId"]) for response in responses]
    assert sorted((str(event["id"]), event["session_id"]) for event in stored_rows()) == sorted(
        result
    )


def test_a_row_that_only_the_database_rejects_fails_alone_among_a_hundred(website):
    events = [event_of(website, sessionId=f"sess-{n}") for n in range(100)]
    with rejecting_rows("session_id <> 'sess-42'"):
        responses = run_concurrently(*posts(*events))
    bad = responses.pop(42)
    assert_response(bad, 500, FAILED, WRITE_FAILED)
    assert {(response.status_code, response["X-Event-Outcome"]) for response in responses} == {
        (201, "stored")
    }
    expected = {f"sess-{n}" for n in range(100)} - {"sess-42"}
    assert {event["session_id"] for event in stored_rows()} == expected
    assert len(stored_rows()) == 99


def test_rows_that_wait_for_a_group_are_one_transaction():
    with writer_paused() as go:
        rows = [new_row(os=str(n)) for n in range(20)]
        calls = [lambda row=row: writer.write(TABLE, [row]) for row in rows]

        def release():
            give_up = time.monotonic() + TIMEOUT_SECONDS
            while writer_state().waiting_rows < len(rows) and time.monotonic() < give_up:
                pass
            go.set()

        *responses, _ = run_concurrently(*calls, release)
    assert responses == [[Outcome.STORED]] * 20
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM analytics_event WHERE os <> 'first'")
        assert cursor.fetchone() == (1,)
    assert Event.objects.count() == 21


def test_a_lone_surrogate_does_not_affect_other_rows(monkeypatch):
    good, bad = new_row(), new_row(session_id="\ud800")
    group = [[row] for row in (good, bad, new_row())]
    outcomes = commit.store_group(TABLE, group)
    assert outcomes == [[Outcome.STORED], [Outcome.WRITE_FAILED], [Outcome.STORED]]
    assert Event.objects.count() == 2


def test_a_rejected_row_and_a_duplicate_do_not_affect_others_of_their_group(website):
    known = new_row()
    writer.write(TABLE, [known])
    requests = [
        [new_row()],
        [known],
        [new_row(session_id="refused")],
        [new_row(), new_row(session_id="refused"), known, new_row()],
        [new_row()],
    ]
    with rejecting_rows("session_id <> 'refused'"):
        outcomes = commit.store_group(TABLE, requests)
    new, was_known, refused = Outcome.STORED, Outcome.DUPLICATE, Outcome.WRITE_FAILED
    assert outcomes == [[new], [was_known], [refused], [new, refused, was_known, new], [new]]
    assert Event.objects.count() == 5


def test_a_row_that_a_trigger_rejects_does_not_affect_others_of_its_group():
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN IF new.os = 'bad' THEN RAISE 'not this one'; END IF; RETURN new; END$$; "
            "CREATE TRIGGER only_for_this_test BEFORE INSERT ON analytics_event "
            "FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse()"
        )
        try:
            group = [[new_row()], [new_row(os="bad")], [new_row()]]
            outcomes = commit.store_group(TABLE, group)
        finally:
            cursor.execute("DROP TRIGGER only_for_this_test ON analytics_event")
    assert outcomes == [[Outcome.STORED], [Outcome.WRITE_FAILED], [Outcome.STORED]]
    assert Event.objects.count() == 2


def test_of_one_id_within_a_group_the_first_one_is_new():
    row = new_row()
    outcomes = commit.store_group(TABLE, [[row]] * 3)
    assert outcomes == [[Outcome.STORED], [Outcome.DUPLICATE], [Outcome.DUPLICATE]]
    assert Event.objects.count() == 1


def test_columns_of_mixed_types_cost_one_insert_of_known_and_new_rows():
    texts = [EventType.CLICK, "plain"]  # psycopg tells the first from a plain text
    group = [[new_row(session_id=text, os=text)] for text in texts]
    commit.store_group(TABLE, group[:1])
    with CaptureQueriesContext(connections["analytics"]) as queries:
        outcomes = commit.store_group(TABLE, group)
    assert outcomes == [[Outcome.DUPLICATE], [Outcome.STORED]]
    assert sum("ON CONFLICT" in query["sql"] for query in queries) == 1


# Batches


def test_a_batch_of_a_thousand_is_one_transaction(api, website):
    events = [full_event_of(website, os=str(n)) for n in range(1000)]
    response = api.post(BATCH_PATH, {"events": events})
    assert (response.status_code, response.json()["eventsCreated"]) == (201, 1000)
    assert response["X-Event-Outcome"] == "stored"
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT xmin::text) FROM analytics_event")
        assert cursor.fetchone() == (1000, 1)
    result = [event["id"] for event in response.json()["events"]]
    assert [str(event["id"]) for event in reversed(stored_rows())] == result


def test_a_rejected_row_in_a_batch_fails_alone(api, website):
    events = [event_of(website, sessionId=f"sess-{n}") for n in range(100)]
    with rejecting_rows("session_id <> 'sess-42'"):
        response = api.post(BATCH_PATH, {"events": events})
    body = response.json()
    assert (response.status_code, response["X-Event-Outcome"]) == (207, "stored")
    assert body["errors"] == [
        {"index": 42, "error": "PROCESSING_ERROR", "message": "Event could not be stored"}
    ]
    assert (body["eventsCreated"], len(body["events"]), len(stored_rows())) == (99, 99, 99)


def test_many_batches_at_once_are_all_stored(website):
    batches = [
        {"events": [event_of(website, sessionId=f"sess-{n}") for _ in range(100)]}
        for n in range(20)
    ]
    calls = [lambda body=body: Api().post(BATCH_PATH, body) for body in batches]
    responses = run_concurrently(*calls)
    assert {(each.status_code, each.json()["eventsCreated"]) for each in responses} == {(201, 100)}
    for n in range(20):
        assert Event.objects.filter(session_id=f"sess-{n}").count() == 100


# The writer's state


def test_a_writer_reports_waiting_and_committed_rows():
    assert writer_state() == State()
    assert writer_threads() == []
    started = uuid7.now()
    with writer_paused() as go:
        known = new_row()
        with write_in_thread(known, new_row(), known) as response:
            wait_until(lambda: writer_state().waiting_rows, seconds=TIMEOUT_SECONDS)
            assert writer_state() == State(waiting_rows=3)
            go.set()
            assert response() == [Outcome.STORED, Outcome.STORED, Outcome.DUPLICATE]
    after = writer_state()
    assert (after.waiting_rows, after.committed_rows) == (0, 3)
    assert after.last_commit_at is not None
    assert started <= after.last_commit_at <= uuid7.now()


def test_rows_that_are_not_stored_are_not_counted_as_committed(foreign, settings):
    writer.write(TABLE, [new_row()])
    before = writer_state()
    settings.WRITE_TIMEOUT_SECONDS = 0.3
    foreign.execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(StorageUnavailable):
        writer.write(TABLE, [new_row()])
    assert writer_state() == before
    foreign.rollback()


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_rows_and_what_they_count_are_one_transaction():
    def fail(rows):
        raise RuntimeError("the counts cannot be made")

    counting = replace(TABLE, on_new_rows=fail)
    with pytest.raises(RuntimeError):
        commit.store_group(counting, [[new_row()]])
    assert not Event.objects.exists()
