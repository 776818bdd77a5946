"""Single changes of sessions and page views"""

from datetime import timedelta

import pytest

from analytics.ingest import commit
from analytics.sessions import ingest
from analytics.sessions.changes import CHANGES
from analytics.sessions.models import PageView, Session, SessionRow
from config.api.errors import RowRefused
from config.db import uuid7
from tests.support.events import AT, AT_MS
from tests.support.session_writes import (
    NOBODY,
    VISITOR,
    changes_of,
    durations,
    raises_unknown_session,
    session_row,
    session_state,
    start_session,
    view_page,
    view_row,
)

pytestmark = pytest.mark.django_db(databases=["analytics"])


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
        last_heartbeat_at=None,
    )
    ingest.start(row)
    assert list(Session.objects.values_list()) == [row]


def test_a_session_that_only_the_database_rejects_is_rejected():
    with pytest.raises(RowRefused):
        ingest.start(session_row(visitor_hash=VISITOR + "0"))
    assert not Session.objects.exists()


def test_a_page_view_is_stored_as_it_is_and_counted():
    session_id = start_session()
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
    assert session_state(session_id) == (1, True, 0, row.created_at, None)


def test_the_second_page_view_ends_the_bounce():
    session_id, other = start_session(), start_session()
    view_page(session_id)
    view_page(session_id, 2000)
    assert session_state(session_id) == (2, False, 0, AT + timedelta(seconds=2), None)
    assert session_state(other) == (0, True, 0, AT, None)


def test_a_session_was_last_active_no_earlier_than_before():
    session_id = start_session(last_active_at=AT + timedelta(hours=1))
    view_page(session_id)
    assert session_state(session_id) == (1, True, 0, AT + timedelta(hours=1), None)


def test_a_page_view_of_an_unknown_session_is_not_stored():
    start_session()
    with raises_unknown_session():
        ingest.view(view_row(NOBODY))
    assert not PageView.objects.exists()


def test_a_page_view_whose_id_is_taken_is_rejected_and_not_counted():
    session_id = start_session()
    taken = view_page(session_id)
    with pytest.raises(RowRefused):
        ingest.view(view_row(session_id, id=taken))
    assert session_state(session_id) == (1, True, 0, AT, None)


def test_leave_sets_duration_and_scroll_depth():
    left, other = (view_page(start_session()) for _ in range(2))
    ingest.leave(left, duration=47.5, scroll_depth=80)
    rows = PageView.objects.in_bulk()
    assert (rows[left].duration_seconds, rows[left].scroll_depth) == (47.5, 80.0)
    assert (rows[other].duration_seconds, rows[other].scroll_depth) == (None, None)


def test_leave_without_a_scroll_depth_preserves_the_earlier_one():
    left = view_page(start_session())
    ingest.leave(left, duration=1, scroll_depth=80)
    ingest.leave(left, duration=0, scroll_depth=None)
    view = PageView.objects.get()
    assert (view.duration_seconds, view.scroll_depth) == (0.0, 80.0)


def test_leave_wins_over_a_duration_that_was_filled_in():
    session_id = start_session()
    left = view_page(session_id)
    view_page(session_id, 9000)
    assert durations(session_id) == [9.0, None]
    ingest.leave(left, duration=4.5, scroll_depth=None)
    assert durations(session_id) == [4.5, None]


def test_leave_of_an_unknown_page_view_changes_nothing():
    session_id = start_session()
    view_page(session_id)
    with raises_unknown_session():
        ingest.leave(session_id, duration=1, scroll_depth=1)
    assert durations(session_id) == [None]


def test_a_heartbeat_adds_what_has_passed_and_is_active_now(clock):
    session_id, other = start_session(), start_session()
    clock.set(uuid7.from_ms(AT_MS + 29_001))
    ingest.heartbeat(session_id)
    assert session_state(session_id) == (0, True, 29, uuid7.from_ms(AT_MS + 29_001), None)
    assert session_state(other) == (0, True, 0, AT, None)


@pytest.mark.parametrize(
    ("times_ms", "seconds"),
    [
        ([0, 20, 40, 60, 80], 0),
        ([999], 0),
        ([1000], 1),
        ([30_999], 30),
        ([31_000, 61_000], 60),
        ([86_400_000, 86_415_000], 45),  # at most 30 each
        ([*range(900, 10_000, 900)], 9),  # rounding loses none
        ([20_000, 10_000, 15_000, 21_000], 21),  # a clock that goes backwards
        ([-10_000, 0, 1000], 1),  # also to before the start
    ],
)
def test_heartbeats_add_whole_seconds_since_the_last_one(clock, times_ms, seconds):
    one_by_one, in_one_group = start_session(), start_session()
    changes = []
    for ms in times_ms:
        clock.set(uuid7.from_ms(AT_MS + ms))
        ingest.heartbeat(one_by_one)
        changes += changes_of(lambda: ingest.heartbeat(in_one_group))
    commit.store_group(CHANGES, [changes])
    last = (seconds, uuid7.from_ms(AT_MS + max(times_ms)))
    heartbeats = Session.objects.values_list("duration_seconds", "last_heartbeat_at")
    assert [heartbeats.get(id=id) for id in (one_by_one, in_one_group)] == [last, last]


def test_heartbeats_after_a_later_one_of_another_process_add_the_rest(clock):
    session_id = start_session()
    clock.set(uuid7.from_ms(AT_MS + 8000))
    changes = changes_of(lambda: ingest.heartbeat(session_id))
    clock.set(uuid7.from_ms(AT_MS + 10_000))
    ingest.heartbeat(session_id)
    clock.set(uuid7.from_ms(AT_MS + 12_000))
    changes += changes_of(lambda: ingest.heartbeat(session_id))
    commit.store_group(CHANGES, [changes])
    assert session_state(session_id)[2] == 12


def test_identify_sets_the_user_in_place_of_any_other():
    session_id, other = start_session(), start_session()
    first, second = uuid7.new_id(AT_MS), uuid7.new_id(AT_MS)
    for user_id in (first, second):
        ingest.identify(session_id, user_id)
        assert [session.id for session in Session.objects.for_user(user_id)] == [session_id]
    assert session_state(session_id) == (0, True, 0, AT, second)
    assert session_state(other) == (0, True, 0, AT, None)


def test_an_unknown_session_has_no_heartbeat_and_no_user():
    session_id = start_session()
    with raises_unknown_session():
        ingest.heartbeat(NOBODY)
    with raises_unknown_session():
        ingest.identify(NOBODY, uuid7.new_id(AT_MS))
    assert session_state(session_id) == (0, True, 0, AT, None)
