"""Group commit: what is answered `stored` is committed, and nobody suffers from a neighbour."""

import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.test import Client

from analytics.events.ingest import TABLE
from analytics.events.models import Event, EventRow
from analytics.ingest import commit, writer
from analytics.ingest.commit import Write
from config import runtime
from config.api.errors import StorageUnavailable
from config.api.outcomes import Outcome
from config.db import uuid7
from tests.support import live
from tests.support.databases import end_other_sessions
from tests.support.events import (
    AT,
    AT_MS,
    BATCH_PATH,
    DUPLICATE,
    ID,
    PATH,
    STORED,
    UNAVAILABLE,
    WRITE_FAILED,
    event_of,
    full_event_of,
    new_id,
    post,
    row,
    shown,
    stored,
)
from tests.support.responses import (
    assert_answer,
    at_once,
)
from websites import lookup

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

FAILED = {"error": "INTERNAL_SERVER_ERROR", "message": "Failed to create event"}
LATE = 1.0  # seconds that an answer may come after its time limit
PATIENCE = 30.0  # seconds after which a test gives up


@pytest.fixture(autouse=True)
def _known_website(website):
    """Let no crowd of threads begin by asking the main database."""
    lookup.active_site(website.tracking_code)
    runtime.current()
    Client().get("/health/live")  # its metrics are registered once, by whoever comes first


@pytest.fixture
def foreign():
    """A connection of somebody else to the analytics database."""
    with connect() as other:
        yield other
        other.rollback()


def connect(*, autocommit=False):
    """Open a connection that Django does not know."""
    there = connections["analytics"].settings_dict
    return psycopg.connect(
        dbname=there["NAME"],
        user=there["USER"],
        password=there["PASSWORD"],
        host=there["HOST"],
        port=there["PORT"] or None,
        autocommit=autocommit,
    )


@contextmanager
def check(condition):
    """Let PostgreSQL refuse new rows that break a condition."""
    with connections["analytics"].cursor() as cursor:
        name = "only_for_this_test"
        table = "ALTER TABLE analytics_event"
        cursor.execute(f"{table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
        try:
            yield
        finally:
            cursor.execute(f"{table} DROP CONSTRAINT {name}")


@contextmanager
def group_held():
    """Keep the writer's thread busy; yields the event that lets it go on."""
    store, is_held, go = commit.store_group, threading.Event(), threading.Event()

    def held(alias, group):
        is_held.set()
        assert go.wait(PATIENCE)
        return store(alias, group)

    commit.store_group = held
    try:
        with threading_post(event_row(os="first")) as first:
            assert is_held.wait(PATIENCE)
            yield go
            go.set()
            first()
    finally:
        go.set()
        commit.store_group = store


@contextmanager
def threading_post(*rows):
    """Write rows from another thread; yields a call that waits for the answer."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(writer.write(TABLE, rows)))
    thread.start()

    def answer():
        thread.join(PATIENCE)
        return answers[0]

    try:
        yield answer
    finally:
        thread.join(PATIENCE)


def state():
    """Return how the writer stands."""
    return writer.state("analytics")


def event_row(id=None, **changes):
    """Return a row as it goes to the writer."""
    values: dict[str, Any] = {
        "id": id or uuid7.new_id(AT_MS),
        "created_at": AT,
        "website_id": uuid7.new_id(AT_MS),
        "event_type": "pageview",
        "url": "https://example.com/",
        "referrer": None,
        "session_id": "sess-1",
        "visitor_id": "vis-1",
        "device_type": None,
        "browser": None,
        "os": None,
        "location": None,
        "properties": None,
    }
    return EventRow(**values | changes)


def wait_until(sql, connection):
    """Ask until PostgreSQL says yes."""
    give_up = time.monotonic() + PATIENCE
    while not connection.execute(sql).fetchone()[0]:
        connection.rollback()
        assert time.monotonic() < give_up, sql


WAITING = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
SOMEBODY_WAITS = f"SELECT EXISTS (SELECT pid {WAITING})"


def posts(*events):
    """Return calls that each post an event with a client of its own."""
    return [lambda event=event: post(Client(), event) for event in events]


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
    response = post(api, {"events": events}, BATCH_PATH)
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
        response = post(api, {"events": events}, BATCH_PATH)
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
    calls = [lambda body=body: post(Client(), body, BATCH_PATH) for body in batches]
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
            live.wait_until(lambda: state().waiting_rows, seconds=PATIENCE)
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


# Two processes with the same ids


def test_two_writers_with_the_same_ids_in_opposite_order_both_come_through(make_writer):
    rows = [event_row() for _ in range(200)]
    one, other = make_writer(), make_writer()
    forth, back = at_once(
        lambda: one.write(TABLE, rows), lambda: other.write(TABLE, list(reversed(rows)))
    )
    for mine, theirs in zip(forth, reversed(back), strict=True):
        assert {mine, theirs} == {Outcome.STORED, Outcome.DUPLICATE}
    assert Event.objects.count() == 200


def test_a_deadlock_is_mended_by_a_second_try(api, website, foreign):
    low, high = (str(uuid7.new_id(ms)) for ms in (AT_MS, AT_MS + 1))
    insert = (
        "INSERT INTO analytics_event "
        "(id, created_at, website_id, event_type, url, session_id, visitor_id) "
        "VALUES (%s, now(), %s, 'pageview', 'https://example.com/', 'theirs', 'vis-1')"
    )
    foreign.execute("SET deadlock_timeout = '60s'")  # so that it is the writer who notices
    foreign.commit()
    foreign.execute(insert, [high, website.id])
    with connect(autocommit=True) as watching:
        events = [event_of(website, id=low), event_of(website, id=high), event_of(website)]

        def finish():
            wait_until(SOMEBODY_WAITS, watching)  # the writer, which has `low`, for `high`
            foreign.execute(insert, [low, website.id])  # now each waits for the other
            foreign.commit()

        answer, _ = at_once(lambda: post(Client(), {"events": events}, BATCH_PATH), finish)
    assert (answer.status_code, answer["X-Event-Outcome"]) == (201, "stored")
    assert answer.json()["eventsCreated"] == 3
    assert [event["session_id"] for event in reversed(stored())].count("theirs") == 2
    assert Event.objects.count() == 3


# When storage fails


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_a_write_that_is_not_confirmed_in_time_is_unavailable(
    api, website, settings, foreign, path
):
    settings.WRITE_TIMEOUT_SECONDS = 0.3
    event = event_of(website, id=ID)
    body = event if path == PATH else {"events": [event, event_of(website)]}
    foreign.execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")

    started = time.monotonic()
    response = post(api, body, path)
    took = time.monotonic() - started
    foreign.rollback()

    assert_answer(response, 503, UNAVAILABLE, WRITE_FAILED)
    assert 0.3 <= took < 0.3 + LATE
    settings.WRITE_TIMEOUT_SECONDS = PATIENCE
    response = post(api, body, path)  # the first one may have been stored after all
    assert response.status_code in (200, 201)
    assert Event.objects.filter(id=ID).count() == 1


def test_rows_that_no_group_has_taken_are_withdrawn(settings):
    with group_held() as go:
        settings.WRITE_TIMEOUT_SECONDS = 0.1
        with pytest.raises(StorageUnavailable):
            writer.write(TABLE, [event_row(os="withdrawn")])
        settings.WRITE_TIMEOUT_SECONDS = PATIENCE
        go.set()
        assert writer.write(TABLE, [event_row(os="later")]) == [Outcome.STORED]
    assert not Event.objects.filter(os="withdrawn").exists()


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_after_a_lost_connection_the_next_write_just_works(api, website, path):
    body = event_of(website) if path == PATH else {"events": [event_of(website)]}
    assert post(api, body, path).status_code == 201
    end_other_sessions("analytics")
    assert_answer_is_stored(post(api, body, path))
    assert len(stored()) == 2


def assert_answer_is_stored(response):
    assert (response.status_code, response["X-Event-Outcome"]) == (201, "stored")


def test_after_a_lost_connection_a_known_event_is_a_duplicate(api, website):
    sent = full_event_of(website, id=ID)
    post(api, sent)
    end_other_sessions("analytics")
    assert_answer(post(api, sent), 200, shown(sent, website, id=ID), DUPLICATE)
    assert stored() == [row(sent, website, id=ID)]


def test_a_connection_that_is_lost_within_a_write_is_used_no_more(api, website, foreign):
    sent = event_of(website, id=new_id())
    post(api, event_of(website))
    foreign.execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")
    with connect(autocommit=True) as watching:

        def cut():
            wait_until(SOMEBODY_WAITS, watching)
            watching.execute(f"SELECT pg_terminate_backend(pid, 5000) {WAITING}")
            foreign.rollback()

        answer, _ = at_once(lambda: post(Client(), sent), cut)
    assert_answer_is_stored(answer)  # nothing was committed, so a second try was safe
    assert Event.objects.filter(id=sent["id"]).count() == 1


def test_a_crash_in_the_thread_fails_its_group_and_not_the_next(api, website, monkeypatch):
    def crash(rows):
        raise RuntimeError("a secret")

    with monkeypatch.context() as patch:
        patch.setattr(commit, "copy_rows", crash)
        assert_answer(post(api, event_of(website)), 503, UNAVAILABLE, WRITE_FAILED)
    assert_answer_is_stored(post(api, event_of(website)))
    assert len(stored()) == 1


def test_what_is_answered_is_committed(api, website, foreign):
    response = post(api, event_of(website))
    found = foreign.execute("SELECT id::text FROM analytics_event").fetchall()
    assert found == [(response.json()["id"],)]
