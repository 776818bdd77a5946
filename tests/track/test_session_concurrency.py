"""Changes of sessions and page views at the same time, and failures of storage"""

from dataclasses import replace
from itertools import count

import psycopg
import pytest
from django.db import connections

from analytics.ingest import commit, writer
from analytics.sessions import ingest
from analytics.sessions.changes import CHANGES, PAGE_VIEWS
from analytics.sessions.models import PageView, Session
from config.api.errors import StorageUnavailable
from config.api.outcomes import Outcome
from config.db import uuid7
from config.db.backend.base import Connection
from tests.support.databases import (
    IS_ANYONE_WAITING,
    connect_to_analytics,
    terminate_other_connections,
    wait_until_true,
)
from tests.support.events import AT_MS
from tests.support.responses import run_concurrently
from tests.support.session_writes import (
    NOBODY,
    changes_of,
    durations,
    session_row,
    session_state,
    start_session,
    view_calls,
    view_page,
    view_row,
)

pytestmark = pytest.mark.django_db(databases=["analytics"])

with_threads = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)


@pytest.fixture
def watching():
    """A connection that sees who waits for whom."""
    with connect_to_analytics(autocommit=True) as other:
        yield other


@pytest.fixture
def never_apart(monkeypatch):
    """Let a second, careful try fail: a deadlock would lead to one."""

    def refuse(updates, changes):
        raise AssertionError("a second try")

    monkeypatch.setattr(commit, "apply_bisecting", refuse)


# Concurrency


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def _processes(request, monkeypatch, make_process):
    """Spread what is written over the writers of so many processes."""
    processes = [make_process() for _ in range(request.param)]
    turn = count()
    monkeypatch.setattr(
        writer,
        "write",
        lambda target, items: processes[next(turn) % len(processes)].write(target, items),
    )


@with_threads
@pytest.mark.usefixtures("_processes", "never_apart")
def test_fifty_page_views_of_one_session_at_once_are_all_counted():
    session_id = start_session()
    rows = [view_row(session_id, n * 1000) for n in range(50)]
    assert run_concurrently(*view_calls(*rows)) == [Outcome.STORED] * 50
    assert session_state(session_id) == (50, False, 0, rows[-1].created_at, None)
    assert PageView.objects.of_session(session_id).count() == 50


@with_threads
@pytest.mark.usefixtures("_processes", "never_apart")
def test_first_and_second_page_views_at_once_end_the_bounce_of_each_session():
    many = [start_session() for _ in range(25)]
    rows = [view_row(id, n * 1000) for id in many for n in range(2)]
    assert run_concurrently(*view_calls(*rows)) == [Outcome.STORED] * 50
    assert {session_state(id)[:2] for id in many} == {(2, False)}


@with_threads
@pytest.mark.usefixtures("_processes", "never_apart")
def test_changes_of_all_kinds_at_once_all_count(clock):
    clock.set(uuid7.from_ms(AT_MS + 20_000))
    many = [start_session() for _ in range(5)]
    left = [view_page(id) for id in many]
    calls = [
        *(lambda id=id: ingest.heartbeat(id) for id in many * 4),
        *(lambda id=id: ingest.identify(id, NOBODY) for id in many),
        *(lambda id=id: ingest.leave(id, duration=1, scroll_depth=2) for id in left * 2),
        *view_calls(*(view_row(id, n * 1000) for id in many for n in range(1, 4))),
    ]
    run_concurrently(*calls)
    assert {session_state(id)[:3] for id in many} == {(4, False, 20)}
    assert Session.objects.for_user(NOBODY).count() == 5
    assert PageView.objects.filter(id__in=left, duration_seconds=1, scroll_depth=2).count() == 5


@with_threads
@pytest.mark.usefixtures("_processes")
@pytest.mark.parametrize("sessions", [1, 50])
def test_fifty_page_views_with_one_key_at_once_count_as_one(sessions):
    many = [start_session() for _ in range(sessions)] * (50 // sessions)
    id = view_row(many[0]).id
    rows = [view_row(session_id, id=id) for session_id in many]
    outcomes = run_concurrently(*view_calls(*rows, has_key=True))
    assert sorted(each.name for each in outcomes) == ["DUPLICATE"] * 49 + ["STORED"]
    assert sum(session_state(session_id)[0] for session_id in {*many}) == 1
    assert PageView.objects.count() == 1


@with_threads
def test_two_writers_with_the_same_keys_in_opposite_orders_store_each_once(make_process):
    sessions = [start_session(), start_session()]
    ids = [view_row(sessions[0], n).id for n in range(200)]

    def changes(session_id, order):
        rows = [view_row(session_id, id=id, created_at=uuid7.time_of(id)) for id in order]
        return changes_of(*view_calls(*rows, has_key=True))

    outcomes = run_concurrently(
        lambda: make_process().write(CHANGES, changes(sessions[0], ids)),
        lambda: make_process().write(CHANGES, changes(sessions[1], ids[::-1])),
    )
    assert sum(each.count(Outcome.STORED) for each in outcomes) == 200
    assert sum(each.count(Outcome.DUPLICATE) for each in outcomes) == 200
    assert sum(session_state(session_id)[0] for session_id in sessions) == 200
    assert PageView.objects.count() == 200


def apply_by_scanning(changes):
    """Make changes by plans that meet the rows in the order in which they lie in the table."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
    return CHANGES.apply(changes)


@with_threads
@pytest.mark.usefixtures("never_apart", "clock")
def test_two_writers_with_opposite_orders_neither_deadlock_nor_lose_anything(make_process):
    one, other = make_process(), make_process()
    rows = [session_row() for _ in range(200)]
    left = [view_row(row.id) for row in rows]
    one.write(ingest.SESSIONS, sorted(rows, reverse=True))  # so they lie in the table
    one.write(PAGE_VIEWS, sorted(left, reverse=True))
    after = count(1)

    def changes():
        return changes_of(
            *(lambda row=row: ingest.heartbeat(row.id) for row in rows),
            *view_calls(*(view_row(row.id, next(after)) for row in rows)),
            *(lambda row=row: ingest.leave(row.id, duration=1, scroll_depth=1) for row in left),
        )

    def rounds(group_writer, kind, *, backwards):
        for _ in range(5):
            items = changes()
            result = group_writer.write(kind, items[::-1] if backwards else items)
            assert not {Outcome.WRITE_FAILED, Outcome.UNKNOWN_SESSION} & set(result)

    scanning = replace(CHANGES, name="scanning", apply=apply_by_scanning)
    run_concurrently(
        lambda: rounds(one, CHANGES, backwards=False),
        lambda: rounds(other, scanning, backwards=True),
    )
    assert {session_state(row.id)[:3] for row in rows} == {(10, False, 30)}
    assert PageView.objects.count() == 200 * 11
    assert PageView.objects.filter(duration_seconds=1, scroll_depth=1).count() == 200


@with_threads
def test_a_page_view_sees_the_one_that_another_process_stores_meanwhile(foreign, watching):
    session_id = start_session()
    insert = "INSERT INTO analytics_pageview (id, created_at, session_id, path) VALUES "
    foreign.execute("UPDATE analytics_session SET page_views = 1 WHERE id = %s", [session_id])
    foreign.execute(f"{insert} (%s, %s, %s, '/')", [*view_row(session_id)[:3]])

    def finish():
        wait_until_true(IS_ANYONE_WAITING, watching)
        foreign.commit()

    run_concurrently(lambda: ingest.view(view_row(session_id, 9000)), finish)
    assert session_state(session_id)[:2] == (2, False)
    assert durations(session_id) == [9.0, None]


@with_threads
def test_a_page_view_does_not_wait_for_one_that_is_being_left(foreign):
    session_id = start_session()
    left = view_page(session_id)
    foreign.execute("UPDATE analytics_pageview SET duration_seconds = 1 WHERE id = %s", [left])
    view_page(session_id, 9000)
    assert durations(session_id) == [None, None]
    foreign.commit()
    assert durations(session_id) == [1.0, None]


# Failures of storage


@with_threads
def test_a_change_that_is_not_confirmed_in_time_is_unavailable(foreign, settings):
    session_id = start_session()
    foreign.execute("SELECT 1 FROM analytics_session WHERE id = %s FOR UPDATE", [session_id])
    settings.WRITE_TIMEOUT_SECONDS = 0.3
    with pytest.raises(StorageUnavailable):
        ingest.heartbeat(session_id)


@with_threads
def test_after_a_lost_connection_a_change_is_made_once():
    session_id = start_session()
    terminate_other_connections("analytics")
    ingest.heartbeat(session_id)
    assert session_state(session_id)[2] == 30


@with_threads
def test_after_a_lost_commit_a_change_is_not_made_again(monkeypatch):
    session_id = start_session()
    commit = Connection.commit

    def lose(connection):
        commit(connection)
        connection.close()
        raise psycopg.OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "commit", lose)
        with pytest.raises(StorageUnavailable):
            ingest.heartbeat(session_id)
    assert session_state(session_id)[2] == 30
