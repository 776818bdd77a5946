"""Durations of page views, filled in by the next page view"""

import pytest

from analytics.sessions import ingest
from analytics.sessions.models import PageView
from config.api.outcomes import Outcome
from config.db import uuid7
from tests.support.events import AT, AT_MS
from tests.support.session_writes import (
    NOBODY,
    durations,
    session_state,
    start_session,
    store_in_one_group,
    view_calls,
    view_page,
    view_row,
)

pytestmark = pytest.mark.django_db(databases=["analytics"])


GAPS = [(0, 0.0), (1, 0.001), (3_600_000, 3600.0), (3_600_001, None)]


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(("gap_ms", "seconds"), GAPS)
def test_a_page_view_fills_in_the_duration_of_the_one_before(gap_ms, seconds, grouped):
    session_id = start_session()
    first, second = sorted(uuid7.new_id(AT_MS + gap) for gap in (0, gap_ms))
    rows = [view_row(session_id, 0, id=first), view_row(session_id, gap_ms, id=second)]
    if grouped:
        store_in_one_group(*view_calls(*rows))
    else:
        for row in rows:
            ingest.view(row)
    assert durations(session_id) == [seconds, None]


def test_a_duration_that_is_known_stays():
    session_id = start_session()
    ingest.leave(view_page(session_id), duration=47.5, scroll_depth=None)
    view_page(session_id, 9000)
    assert durations(session_id) == [47.5, None]


def test_leave_and_the_next_page_view_in_one_group_give_the_duration_of_leave():
    session_id = start_session()
    left = view_page(session_id)
    store_in_one_group(
        lambda: ingest.view(view_row(session_id, 9000)),
        lambda: ingest.leave(left, duration=47.5, scroll_depth=None),
    )
    assert durations(session_id) == [47.5, None]


def test_only_the_latest_page_view_is_filled_in():
    session_id, other = start_session(), start_session()
    view_page(session_id)
    view_page(other)
    view_page(session_id, 3_700_000)
    view_page(session_id, 3_701_000)
    assert durations(session_id) == [None, 1.0, None]
    assert durations(other) == [None]


def test_page_views_of_many_sessions_in_one_group_fill_in_their_own():
    many = [start_session() for _ in range(3)]
    view_page(many[0])
    rows = [view_row(each, gap) for gap in (1000, 3000, 6000) for each in many]
    store_in_one_group(*view_calls(*rows))
    assert [durations(each) for each in many] == [
        [1.0, 2.0, 3.0, None],
        [2.0, 3.0, None],
        [2.0, 3.0, None],
    ]
    assert [session_state(each)[0] for each in many] == [4, 3, 3]


def test_a_page_view_of_an_unknown_session_fills_in_nothing():
    session_id = start_session()
    view_page(session_id)
    outcomes = store_in_one_group(*view_calls(view_row(NOBODY, 1000), view_row(NOBODY, 2000)))
    assert outcomes == [Outcome.UNKNOWN_SESSION] * 2
    assert durations(session_id) == [None]
    assert PageView.objects.count() == 1


def test_a_duration_is_filled_in_across_months():
    months = uuid7.to_ms(AT.replace(month=2, day=1, hour=0)) - AT_MS
    session_id = start_session()
    view_page(session_id, months - 1)
    view_page(session_id, months)
    assert durations(session_id) == [0.001, None]
