"""Group commit: what is acknowledged is committed, and a refused row takes no other with it"""

import threading
import time
from functools import partial

import pytest
from django.db import connections

from analytics.events.ingest import TABLE
from analytics.events.models import Event
from analytics.ingest import commit, writer
from analytics.ingest.commit import Write
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
    event_of,
    event_row,
    full_event_of,
    row,
    shown,
    stored,
)
from tests.support.processes import wait_until
from tests.support.responses import assert_answer, at_once
from tests.support.writer import PATIENCE, check, group_held, state, threading_post

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

FAILED = {"error": "INTERNAL_SERVER_ERROR", "message": "Failed to create event"}


def posts(*events):
    """Return calls that each post an event with a client of its own."""
    return [lambda event=event: Api().post(PATH, event) for event in events]


# Many at once


def test_of_fifty_requests_with_one_id_one_stores_the_event(website):
    events = [full_event_of(website, id=ID, os=f"os {n}") for n in range(50)]
    answers = at_once(*posts(*events))
    [event] = stored()
    winner = events[int(event["os"].removeprefix("os "))]
    assert event == row(winner, website, id=ID)
    told = shown(winner, website, id=ID)
    for answer in answers:
        is_new = answer.status_code == 201
        assert_answer(answer, 201 if is_new else 200, told, STORED if is_new else DUPLICATE)
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]


def test_of_two_websites_with_one_id_one_stores_the_event(website, make_website, user):
    sites = [website, make_website(user, "other.example")]
    answers = at_once(*posts(*(event_of(sites[n % 2], id=ID) for n in range(20))))
    [event] = stored()
    for answer, site in zip(answers, sites * 10, strict=True):
        assert (answer.status_code in (200, 201)) == (site.id == event["website_id"])
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201] + [409] * 10


def test_a_hundred_events_at_once_are_all_stored(website):
    events = [full_event_of(website, sessionId=f"sess-{n}") for n in range(100)]
    answers = at_once(*posts(*events))
    assert {answer.status_code for answer in answers} == {201}
    told = [(answer.json()["id"], answer.json()["sessionId"]) for answer in answers]
    assert sorted((str(event["id"]), event["session_id"]) for event in stored()) == sorted(told)


def test_a_row_that_only_the_database_refuses_fails_alone_among_a_hundred(website):
    events = [event_of(website, sessionId=f"sess-{n}") for n in range(100)]
    with check("session_id <> 'sess-42'"):
        answers = at_once(*posts(*events))
    bad = answers.pop(42)
    assert_answer(bad, 500, FAILED, WRITE_FAILED)
    assert {(answer.status_code, answer["X-Event-Outcome"]) for answer in answers} == {
        (201, "stored")
    }
    expected = {f"sess-{n}" for n in range(100)} - {"sess-42"}
    assert {event["session_id"] for event in stored()} == expected
    assert len(stored()) == 99


def test_what_comes_while_a_group_is_written_makes_one_transaction():
    with group_held() as go:
        rows = [event_row(os=str(n)) for n in range(20)]
        calls = [lambda row=row: writer.write(TABLE, [row]) for row in rows]

        def release():
            give_up = time.monotonic() + PATIENCE
            while state().waiting_rows < len(rows) and time.monotonic() < give_up:
                pass
            go.set()

        *answers, _ = at_once(*calls, release)
    assert answers == [[Outcome.STORED]] * 20
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM analytics_event WHERE os <> 'first'")
        assert cursor.fetchone() == (1,)
    assert Event.objects.count() == 21


def enqueue(*rows):
    """Offer rows; return the list of those that are told to be lost, by their `os`."""
    lost: list[str] = []
    for each in rows:
        writer.enqueue(TABLE, each, partial(lost.append, each.os))
    return lost


def test_rows_that_nobody_waits_for_are_written_in_few_transactions():
    lost = enqueue(*(event_row(os=str(n)) for n in range(100)))
    writer.drain()
    assert lost == []
    assert Event.objects.count() == 100
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM analytics_event")
        [transactions] = cursor.fetchone()
    assert transactions <= 10  # usually one


def test_a_queue_that_is_full_takes_no_more(monkeypatch):
    monkeypatch.setattr(writer, "MAX_WAITING_ROWS", 2)
    monkeypatch.setattr(writer, "PAUSE_SECONDS", 1.0)  # long enough to fill it
    lost = enqueue(*(event_row(os=str(n)) for n in range(4)))
    assert lost == ["2", "3"]
    assert writer.write(TABLE, [event_row(os="waited")]) == [Outcome.STORED]
    writer.drain()
    assert {event["os"] for event in stored()} == {"0", "1", "waited"}
    assert enqueue(event_row(os="later")) == []  # there is room again
    writer.drain()
    assert Event.objects.filter(os="later").exists()


def test_a_text_that_utf8_cannot_say_takes_no_other_row_with_it(monkeypatch):
    good, bad = event_row(), event_row(session_id="\ud800")
    group = [Write(TABLE, [row]) for row in (good, bad, event_row())]
    told = commit.store_group("analytics", group)
    assert told == [[Outcome.STORED], [Outcome.WRITE_FAILED], [Outcome.STORED]]
    assert Event.objects.count() == 2


def test_rows_that_nobody_waits_for_are_told_to_be_lost_each_for_itself(monkeypatch):
    lost: list[str] = []
    with check("session_id <> 'refused'"):
        for session_id in ("good", "refused", "fine"):
            row = event_row(session_id=session_id)
            writer.enqueue(TABLE, row, partial(lost.append, session_id))
        writer.drain()
    assert lost == ["refused"]
    assert {event["session_id"] for event in stored()} == {"good", "fine"}


def test_a_bad_row_and_a_known_one_hurt_nobody_in_their_group(website):
    known = event_row()
    writer.write(TABLE, [known])
    requests = [
        [event_row()],
        [known],
        [event_row(session_id="refused")],
        [event_row(), event_row(session_id="refused"), known, event_row()],
        [event_row()],
    ]
    with check("session_id <> 'refused'"):
        group = [Write(TABLE, rows) for rows in requests]
        told = commit.store_group("analytics", group)
    new, was_known, refused = Outcome.STORED, Outcome.DUPLICATE, Outcome.WRITE_FAILED
    assert told == [[new], [was_known], [refused], [new, refused, was_known, new], [new]]
    assert Event.objects.count() == 5


def test_of_one_id_within_a_group_the_first_one_is_new():
    row = event_row()
    group = [Write(TABLE, [row]) for _ in range(3)]
    told = commit.store_group("analytics", group)
    assert told == [[Outcome.STORED], [Outcome.DUPLICATE], [Outcome.DUPLICATE]]
    assert Event.objects.count() == 1


# Batches


def test_a_batch_of_a_thousand_is_one_transaction(api, website):
    events = [full_event_of(website, os=str(n)) for n in range(1000)]
    response = api.post(BATCH_PATH, {"events": events})
    assert (response.status_code, response.json()["eventsCreated"]) == (201, 1000)
    assert response["X-Event-Outcome"] == "stored"
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT xmin::text) FROM analytics_event")
        assert cursor.fetchone() == (1000, 1)
    told = [event["id"] for event in response.json()["events"]]
    assert [str(event["id"]) for event in reversed(stored())] == told


def test_a_refused_row_in_a_batch_fails_alone(api, website):
    events = [event_of(website, sessionId=f"sess-{n}") for n in range(100)]
    with check("session_id <> 'sess-42'"):
        response = api.post(BATCH_PATH, {"events": events})
    told = response.json()
    assert (response.status_code, response["X-Event-Outcome"]) == (207, "stored")
    assert told["errors"] == [
        {"index": 42, "error": "PROCESSING_ERROR", "message": "Event could not be stored"}
    ]
    assert (told["eventsCreated"], len(told["events"]), len(stored())) == (99, 99, 99)


def test_many_batches_at_once_are_all_stored(website):
    batches = [
        {"events": [event_of(website, sessionId=f"sess-{n}") for _ in range(100)]}
        for n in range(20)
    ]
    calls = [lambda body=body: Api().post(BATCH_PATH, body) for body in batches]
    answers = at_once(*calls)
    assert {(each.status_code, each.json()["eventsCreated"]) for each in answers} == {(201, 100)}
    for n in range(20):
        assert Event.objects.filter(session_id=f"sess-{n}").count() == 100


# How a writer stands


def test_a_writer_tells_what_waits_and_what_it_has_committed():
    threads = threading.active_count()
    assert state() == writer.State()
    assert threading.active_count() == threads
    begun = uuid7.now()
    with group_held() as go:
        known = event_row()
        with threading_post(known, event_row(), known) as answer:
            wait_until(lambda: state().waiting_rows, seconds=PATIENCE)
            assert state() == writer.State(waiting_rows=3)
            go.set()
            assert answer() == [Outcome.STORED, Outcome.STORED, Outcome.DUPLICATE]
    after = state()
    assert (after.waiting_rows, after.committed_rows) == (0, 3)
    assert after.last_commit_at is not None
    assert begun <= after.last_commit_at <= uuid7.now()


def test_what_is_not_stored_is_not_told_to_be_committed(foreign, settings):
    writer.write(TABLE, [event_row()])
    before = state()
    settings.WRITE_TIMEOUT_SECONDS = 0.3
    foreign.execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(StorageUnavailable):
        writer.write(TABLE, [event_row()])
    assert state() == before
    foreign.rollback()
