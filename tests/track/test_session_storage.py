"""Sessions and page views in storage: every change counts, whoever makes it at the same time."""

import threading
from datetime import timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.events.ingest import TABLE
from analytics.events.models import Event
from analytics.ingest import commit, writer
from analytics.ingest.commit import Write
from analytics.ingest.updates import Updates
from analytics.sessions import ingest
from analytics.sessions.changes import CHANGES, PAGE_VIEWS
from analytics.sessions.models import (
    PageView,
    PageViewRow,
    Session,
    SessionRow,
)
from config.api.errors import (
    RowRefused,
    StorageUnavailable,
)
from config.api.outcomes import Dropped, Outcome
from config.db import uuid7
from config.db.backend.base import Connection
from tests.ingest.test_writer import (
    SOMEBODY_WAITS,
    connect,
    event_row,
    wait_until,
)
from tests.support.databases import end_other_sessions
from tests.support.events import (
    AT,
    AT_MS,
)
from tests.support.responses import at_once

pytestmark = pytest.mark.django_db(databases=["analytics"])
with_threads = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

VISITOR = "1a0b9e021eb73e144a8bf35be02497aa32b210abd7f9d18465b470f90bab16e3"
NOBODY = uuid7.new_id(AT_MS)
LARGEST = 2**31 - 1  # of an integer in PostgreSQL


@pytest.fixture
def foreign():
    """A connection of somebody else to the analytics database."""
    with connect() as other:
        yield other
        other.rollback()


@pytest.fixture
def watching():
    """A connection that sees who waits for whom."""
    with connect(autocommit=True) as other:
        yield other


@pytest.fixture
def never_apart(monkeypatch):
    """Let a second, careful try fail: a deadlock would lead to one."""

    def refuse(wanted):
        raise AssertionError("a second try")

    monkeypatch.setattr(commit, "apply_bisecting", refuse)


def session_row(**changes):
    """Return a session as it starts."""
    values: dict[str, Any] = dict.fromkeys(SessionRow._fields) | {
        "id": uuid7.new_id(AT_MS),
        "created_at": AT,
        "visitor_hash": VISITOR,
        "referrer_domain": "direct",
        "page_views": 0,
        "bounced": True,
        "duration_seconds": 0,
        "last_active_at": AT,
    }
    return SessionRow(**values | changes)


def view_row(session_id, after_ms=0, **changes):
    """Return a page view that is entered so many milliseconds after the session began."""
    values: dict[str, Any] = dict.fromkeys(PageViewRow._fields) | {
        "id": uuid7.new_id(AT_MS + after_ms),
        "created_at": uuid7.from_ms(AT_MS + after_ms),
        "session_id": session_id,
        "path": "/johndoe",
    }
    return PageViewRow(**values | changes)


def started(**changes):
    """Store a session; return its id."""
    row = session_row(**changes)
    ingest.start(row)
    return row.id


def viewed(session_id, after_ms=0, **changes):
    """Store a page view; return its id."""
    row = view_row(session_id, after_ms, **changes)
    ingest.view(row)
    return row.id


def session_of(id):
    """Return what changes in a session: page views, bounced, seconds, last active, user."""
    names = ("page_views", "bounced", "duration_seconds", "last_active_at", "user_id")
    return Session.objects.values_list(*names).get(id=id)


def durations(session_id):
    """Return the durations of a session's page views, the earliest first."""
    views = PageView.objects.of_session(session_id).order_by("id")
    return list(views.values_list("duration_seconds", flat=True))


_handing_over = threading.Lock()  # each thread must gather its own


def handed_over(*calls):
    """Return what calls hand to the writer."""
    writes = []

    def gather(target, items):
        writes.append(Write(target, items))
        return [Outcome.STORED]

    with _handing_over, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "write", gather)
        for call in calls:
            call()
    return writes


def in_one_group(*calls):
    """Store in one group what calls hand to the writer; return what became of each."""
    outcomes = commit.store_group("analytics", handed_over(*calls))
    return [outcome for [outcome] in outcomes]


def drops_unknown():
    """Demand that what is named proves not to exist."""
    return pytest.raises(Dropped, match="UNKNOWN_SESSION")


def viewing(*rows):
    """Return a call for each of these page views."""
    return [lambda row=row: ingest.view(row) for row in rows]


# What each function promises


def test_a_session_is_stored_as_it_is():
    row = SessionRow(
        id=uuid7.new_id(AT_MS),
        created_at=AT,
        visitor_hash=VISITOR,
        user_id=uuid7.new_id(AT_MS),
        bio_page_id=uuid7.new_id(AT_MS),
        referrer="https://www.instagram.com/p/x",
        referrer_domain="instagram.com",
        landing_page="https://example.com/",
        device="mobile",
        browser="Mobile Safari",
        os="iOS",
        os_version="17.2",
        timezone="Europe/Istanbul",
        language="tr",
        country="Turkey",
        city="Izmir",
        utm_source="a",
        utm_medium="b",
        utm_campaign="c",
        utm_term="d",
        utm_content="e",
        screen_width=390,
        screen_height=844,
        page_views=0,
        bounced=True,
        duration_seconds=0,
        last_active_at=AT,
    )
    ingest.start(row)
    assert list(Session.objects.values_list()) == [row]


def test_a_session_that_only_the_database_refuses_is_refused():
    with pytest.raises(RowRefused):
        ingest.start(session_row(visitor_hash=VISITOR + "0"))
    assert not Session.objects.exists()


def test_a_page_view_is_stored_as_it_is_and_counted():
    session_id = started()
    row = view_row(
        session_id,
        1500,
        title="John Doe",
        referrer="https://example.com/",
        bio_page_id=uuid7.new_id(AT_MS),
        link_clicked=uuid7.new_id(AT_MS),
    )
    ingest.view(row)
    assert list(PageView.objects.values_list()) == [row]
    assert session_of(session_id) == (1, True, 0, row.created_at, None)


def test_the_second_page_view_ends_the_bounce():
    session_id, other = started(), started()
    viewed(session_id)
    viewed(session_id, 2000)
    assert session_of(session_id) == (2, False, 0, AT + timedelta(seconds=2), None)
    assert session_of(other) == (0, True, 0, AT, None)


def test_a_session_was_last_active_no_earlier_than_before():
    session_id = started(last_active_at=AT + timedelta(hours=1))
    viewed(session_id)
    assert session_of(session_id) == (1, True, 0, AT + timedelta(hours=1), None)


def test_a_page_view_of_an_unknown_session_is_not_stored():
    started()
    with drops_unknown():
        ingest.view(view_row(NOBODY))
    assert not PageView.objects.exists()


def test_a_page_view_whose_id_is_taken_is_refused_and_not_counted():
    session_id = started()
    taken = viewed(session_id)
    with pytest.raises(RowRefused):
        ingest.view(view_row(session_id, id=taken))
    assert session_of(session_id) == (1, True, 0, AT, None)


def test_leave_sets_duration_and_scroll_depth():
    left, other = (viewed(started()) for _ in range(2))
    ingest.leave(left, duration=47.5, scroll_depth=80)
    rows = PageView.objects.in_bulk()
    assert (rows[left].duration_seconds, rows[left].scroll_depth) == (47.5, 80.0)
    assert (rows[other].duration_seconds, rows[other].scroll_depth) == (None, None)


def test_leave_without_a_scroll_depth_keeps_the_one_that_came_before():
    left = viewed(started())
    ingest.leave(left, duration=1, scroll_depth=80)
    ingest.leave(left, duration=0, scroll_depth=None)
    view = PageView.objects.get()
    assert (view.duration_seconds, view.scroll_depth) == (0.0, 80.0)


def test_leave_wins_over_a_duration_that_was_filled_in():
    session_id = started()
    left = viewed(session_id)
    viewed(session_id, 9000)
    assert durations(session_id) == [9.0, None]
    ingest.leave(left, duration=4.5, scroll_depth=None)
    assert durations(session_id) == [4.5, None]


def test_leave_of_an_unknown_page_view_changes_nothing():
    session_id = started()
    viewed(session_id)
    with drops_unknown():
        ingest.leave(session_id, duration=1, scroll_depth=1)
    assert durations(session_id) == [None]


def test_a_heartbeat_adds_thirty_seconds_and_is_active_now(monkeypatch):
    session_id, other = started(), started()
    monkeypatch.setattr(uuid7, "now_ms", lambda: AT_MS + 60_001)
    ingest.heartbeat(session_id)
    assert session_of(session_id) == (0, True, 30, uuid7.from_ms(AT_MS + 60_001), None)
    assert session_of(other) == (0, True, 0, AT, None)


def test_identify_sets_the_user_in_place_of_any_other():
    session_id, other = started(), started()
    first, second = uuid7.new_id(AT_MS), uuid7.new_id(AT_MS)
    for user_id in (first, second):
        ingest.identify(session_id, user_id)
        assert [session.id for session in Session.objects.for_user(user_id)] == [session_id]
    assert session_of(session_id) == (0, True, 0, AT, second)
    assert session_of(other) == (0, True, 0, AT, None)


def test_an_unknown_session_has_no_heartbeat_and_no_user():
    session_id = started()
    with drops_unknown():
        ingest.heartbeat(NOBODY)
    with drops_unknown():
        ingest.identify(NOBODY, uuid7.new_id(AT_MS))
    assert session_of(session_id) == (0, True, 0, AT, None)


# The duration of the page view before


GAPS = [(0, 0.0), (1, 0.001), (3_600_000, 3600.0), (3_600_001, None)]


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(("gap_ms", "seconds"), GAPS)
def test_a_page_view_fills_in_the_duration_of_the_one_before(gap_ms, seconds, grouped):
    session_id = started()
    first, second = sorted(uuid7.new_id(AT_MS + gap) for gap in (0, gap_ms))
    rows = [view_row(session_id, 0, id=first), view_row(session_id, gap_ms, id=second)]
    if grouped:
        in_one_group(*viewing(*rows))
    else:
        for row in rows:
            ingest.view(row)
    assert durations(session_id) == [seconds, None]


def test_a_duration_that_is_known_stays():
    session_id = started()
    ingest.leave(viewed(session_id), duration=47.5, scroll_depth=None)
    viewed(session_id, 9000)
    assert durations(session_id) == [47.5, None]


def test_leave_and_the_next_page_view_in_one_group_give_the_duration_of_leave():
    session_id = started()
    left = viewed(session_id)
    in_one_group(
        lambda: ingest.view(view_row(session_id, 9000)),
        lambda: ingest.leave(left, duration=47.5, scroll_depth=None),
    )
    assert durations(session_id) == [47.5, None]


def test_only_the_latest_page_view_is_filled_in():
    session_id, other = started(), started()
    viewed(session_id)
    viewed(other)
    viewed(session_id, 3_700_000)
    viewed(session_id, 3_701_000)
    assert durations(session_id) == [None, 1.0, None]
    assert durations(other) == [None]


def test_page_views_of_many_sessions_in_one_group_fill_in_their_own():
    many = [started() for _ in range(3)]
    viewed(many[0])
    rows = [view_row(each, gap) for gap in (1000, 3000, 6000) for each in many]
    in_one_group(*viewing(*rows))
    assert [durations(each) for each in many] == [
        [1.0, 2.0, 3.0, None],
        [2.0, 3.0, None],
        [2.0, 3.0, None],
    ]
    assert [session_of(each)[0] for each in many] == [4, 3, 3]


def test_a_page_view_of_an_unknown_session_fills_in_nothing():
    session_id = started()
    viewed(session_id)
    told = in_one_group(*viewing(view_row(NOBODY, 1000), view_row(NOBODY, 2000)))
    assert told == [Outcome.UNKNOWN_SESSION] * 2
    assert durations(session_id) == [None]
    assert PageView.objects.count() == 1


def test_a_duration_is_filled_in_across_months():
    months = uuid7.to_ms(AT.replace(month=2, day=1, hour=0)) - AT_MS
    session_id = started()
    viewed(session_id, months - 1)
    viewed(session_id, months)
    assert durations(session_id) == [0.001, None]


# Many in one group


def test_every_change_of_a_group_counts(monkeypatch):
    monkeypatch.setattr(uuid7, "now_ms", lambda: AT_MS + 5000)
    busy, calm = started(), started()
    left = viewed(busy)
    first, second = uuid7.new_id(AT_MS), uuid7.new_id(AT_MS)
    told = in_one_group(
        lambda: ingest.heartbeat(busy),
        lambda: ingest.identify(busy, first),
        lambda: ingest.view(view_row(busy, 9000)),
        lambda: ingest.leave(left, duration=1, scroll_depth=50),
        lambda: ingest.heartbeat(calm),
        lambda: ingest.heartbeat(NOBODY),
        lambda: ingest.heartbeat(busy),
        lambda: ingest.leave(left, duration=2.5, scroll_depth=None),
        lambda: ingest.identify(busy, second),
        lambda: ingest.view(view_row(busy, 8000)),
        lambda: ingest.leave(NOBODY, duration=1, scroll_depth=1),
    )
    new, changed, unknown = Outcome.STORED, Outcome.STORED, Outcome.UNKNOWN_SESSION
    assert told == [
        *(changed, changed, new, changed, changed, unknown),
        *(changed, changed, changed, new, unknown),
    ]
    assert session_of(busy) == (3, False, 60, AT + timedelta(seconds=9), second)
    assert session_of(calm) == (0, True, 30, AT + timedelta(seconds=5), None)
    assert PageView.objects.get(id=left).scroll_depth == 50
    assert durations(busy) == [2.5, 1.0, None]


def test_events_sessions_and_page_views_share_a_group():
    new = session_row()
    told = in_one_group(
        lambda: ingest.view(view_row(new.id)),
        lambda: writer.write(TABLE, [event_row()]),
        lambda: ingest.start(new),  # new rows come first
        lambda: ingest.heartbeat(NOBODY),
    )
    assert told == [Outcome.STORED, Outcome.STORED, Outcome.STORED, Outcome.UNKNOWN_SESSION]
    assert Event.objects.count() == 1
    assert session_of(new.id)[:2] == (1, True)


def test_a_refused_change_fails_alone_in_its_group():
    many = [started() for _ in range(99)]
    full = started(duration_seconds=LARGEST)
    everyone = [*many[:42], full, *many[42:]]
    told = in_one_group(
        lambda: writer.write(TABLE, [event_row()]),
        *(lambda id=id: ingest.heartbeat(id) for id in everyone),
        *viewing(*map(view_row, everyone)),
    )
    expected = [Outcome.STORED] + [Outcome.STORED] * 100 + [Outcome.STORED] * 100
    expected[1 + 42] = Outcome.WRITE_FAILED
    assert told == expected
    assert {session_of(id)[:3] for id in many} == {(1, True, 30)}
    assert session_of(full)[:3] == (1, True, LARGEST)
    assert PageView.objects.count() == 100
    assert Event.objects.count() == 1


def test_a_refused_page_view_fails_alone_and_is_not_counted():
    session_id = started()
    rows = [view_row(session_id, n * 1000, path=f"/{n}") for n in range(100)]
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "ALTER TABLE analytics_pageview ADD CONSTRAINT only_for_this_test CHECK (path <> '/42')"
        )
    told = in_one_group(*viewing(*rows))
    assert told == [Outcome.STORED] * 42 + [Outcome.WRITE_FAILED] + [Outcome.STORED] * 57
    assert session_of(session_id)[:2] == (99, False)
    assert durations(session_id) == [1.0] * 41 + [2.0] + [1.0] * 56 + [None]
    with pytest.raises(RowRefused):
        ingest.view(rows[42])


# What each function costs


def statements(*calls):
    """Return the first words of the statements by which calls are stored in one group."""
    with CaptureQueriesContext(connections["analytics"]) as queries:
        in_one_group(*calls)
    texts = [query["sql"].removeprefix("PREPARE").strip() for query in queries]
    return [text for text in texts if not text.startswith(("SAVEPOINT", "RELEASE"))]


@pytest.mark.parametrize("number", [1, 100])
def test_a_group_costs_as_many_statements_as_one_call(number):
    many = [started() for _ in range(number)]
    left = [viewed(id) for id in many]
    after = count(1)

    def cost(call, targets):
        return len(statements(*(lambda each=each: call(each) for each in targets)))

    def view(session_id):
        ingest.view(view_row(session_id, next(after)))

    assert cost(lambda _: ingest.start(session_row()), many) == 1
    assert cost(view, many) == 3
    assert cost(lambda _: view(NOBODY), many) == 1
    assert cost(lambda id: ingest.leave(id, duration=1, scroll_depth=None), left) == 1
    assert cost(ingest.heartbeat, many) == 1
    assert cost(lambda id: ingest.identify(id, NOBODY), many) == 1


def test_a_group_of_everything_costs_five_statements():
    session_id = started()
    left = viewed(session_id)
    sent = statements(
        lambda: ingest.view(view_row(session_id, 1)),
        lambda: ingest.start(session_row()),
        lambda: ingest.leave(left, duration=1, scroll_depth=None),
        lambda: ingest.heartbeat(session_id),
        lambda: ingest.identify(session_id, NOBODY),
    )
    assert len(sent) == 5


# Many at once


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def _processes(request, monkeypatch, make_writer):
    """Spread what is written over the writers of so many processes."""
    writers = [make_writer() for _ in range(request.param)]
    turn = count()
    monkeypatch.setattr(
        writer,
        "write",
        lambda target, items: writers[next(turn) % len(writers)].write(target, items),
    )


@with_threads
@pytest.mark.usefixtures("_processes", "never_apart")
def test_fifty_page_views_of_one_session_at_once_are_all_counted():
    session_id = started()
    rows = [view_row(session_id, n * 1000) for n in range(50)]
    assert at_once(*viewing(*rows)) == [None] * 50
    assert session_of(session_id) == (50, False, 0, rows[-1].created_at, None)
    assert PageView.objects.of_session(session_id).count() == 50


@with_threads
@pytest.mark.usefixtures("_processes", "never_apart")
def test_first_and_second_page_views_at_once_end_the_bounce_of_each_session():
    many = [started() for _ in range(25)]
    rows = [view_row(id, n * 1000) for id in many for n in range(2)]
    assert at_once(*viewing(*rows)) == [None] * 50
    assert {session_of(id)[:2] for id in many} == {(2, False)}


@with_threads
@pytest.mark.usefixtures("_processes", "never_apart")
def test_changes_of_all_kinds_at_once_all_count():
    many = [started() for _ in range(5)]
    left = [viewed(id) for id in many]
    calls = [
        *(lambda id=id: ingest.heartbeat(id) for id in many * 4),
        *(lambda id=id: ingest.identify(id, NOBODY) for id in many),
        *(lambda id=id: ingest.leave(id, duration=1, scroll_depth=2) for id in left * 2),
        *viewing(*(view_row(id, n * 1000) for id in many for n in range(1, 4))),
    ]
    assert at_once(*calls) == [None] * len(calls)
    assert {session_of(id)[:3] for id in many} == {(4, False, 120)}
    assert Session.objects.for_user(NOBODY).count() == 5
    assert PageView.objects.filter(id__in=left, duration_seconds=1, scroll_depth=2).count() == 5


def apply_by_scanning(changes):
    """Make changes by plans that meet the rows in the order in which they lie in the table."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
    return CHANGES.apply(changes)


@with_threads
@pytest.mark.usefixtures("never_apart")
def test_two_writers_with_opposite_orders_neither_deadlock_nor_lose_anything(make_writer):
    one, other = make_writer(), make_writer()
    rows = [session_row() for _ in range(200)]
    left = [view_row(row.id) for row in rows]
    one.write(ingest.SESSIONS, sorted(rows, reverse=True))  # so they lie in the table
    one.write(PAGE_VIEWS, sorted(left, reverse=True))
    after = count(1)

    def changes():
        writes = handed_over(
            *(lambda row=row: ingest.heartbeat(row.id) for row in rows),
            *viewing(*(view_row(row.id, next(after)) for row in rows)),
            *(lambda row=row: ingest.leave(row.id, duration=1, scroll_depth=1) for row in left),
        )
        return [item for write in writes for item in write.items]

    def rounds(group_writer, kind, *, backwards):
        for _ in range(5):
            items = changes()
            told = group_writer.write(kind, items[::-1] if backwards else items)
            assert not {Outcome.WRITE_FAILED, Outcome.UNKNOWN_SESSION} & set(told)

    scanning = Updates("analytics", apply_by_scanning)
    at_once(
        lambda: rounds(one, CHANGES, backwards=False),
        lambda: rounds(other, scanning, backwards=True),
    )
    assert {session_of(row.id)[:3] for row in rows} == {(10, False, 300)}
    assert PageView.objects.count() == 200 * 11
    assert PageView.objects.filter(duration_seconds=1, scroll_depth=1).count() == 200


@with_threads
def test_a_page_view_sees_the_one_that_another_process_stores_meanwhile(foreign, watching):
    session_id = started()
    insert = "INSERT INTO analytics_pageview (id, created_at, session_id, path) VALUES "
    foreign.execute("UPDATE analytics_session SET page_views = 1 WHERE id = %s", [session_id])
    foreign.execute(f"{insert} (%s, %s, %s, '/')", [*view_row(session_id)[:3]])

    def finish():
        wait_until(SOMEBODY_WAITS, watching)
        foreign.commit()

    at_once(lambda: ingest.view(view_row(session_id, 9000)), finish)
    assert session_of(session_id)[:2] == (2, False)
    assert durations(session_id) == [9.0, None]


@with_threads
def test_a_page_view_does_not_wait_for_one_that_is_being_left(foreign):
    session_id = started()
    left = viewed(session_id)
    foreign.execute("UPDATE analytics_pageview SET duration_seconds = 1 WHERE id = %s", [left])
    viewed(session_id, 9000)
    assert durations(session_id) == [None, None]
    foreign.commit()
    assert durations(session_id) == [1.0, None]


# When storage fails


@with_threads
def test_a_change_that_is_not_confirmed_in_time_is_unavailable(foreign, settings):
    session_id = started()
    foreign.execute("SELECT 1 FROM analytics_session WHERE id = %s FOR UPDATE", [session_id])
    settings.WRITE_TIMEOUT_SECONDS = 0.3
    with pytest.raises(StorageUnavailable):
        ingest.heartbeat(session_id)


@with_threads
def test_after_a_lost_connection_a_change_is_made_once():
    session_id = started()
    end_other_sessions("analytics")
    ingest.heartbeat(session_id)
    assert session_of(session_id)[2] == 30


@with_threads
def test_after_a_lost_commit_a_change_is_not_made_again(monkeypatch):
    session_id = started()
    commit = Connection.commit

    def lose(connection):
        commit(connection)
        connection.close()
        raise psycopg.OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "commit", lose)
        with pytest.raises(StorageUnavailable):
            ingest.heartbeat(session_id)
    assert session_of(session_id)[2] == 30
