"""Changes of sessions and page views that share one transaction"""

from datetime import timedelta
from itertools import count

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.sessions import ingest
from analytics.sessions.models import PageView
from config.api.errors import RowRefused
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

LARGEST = 2**31 - 1  # of an integer in PostgreSQL


# Groups


def test_every_change_of_a_group_counts(clock):
    clock.set(uuid7.from_ms(AT_MS + 5000))
    busy, calm = start_session(), start_session()
    left = view_page(busy)
    first, second = uuid7.new_id(AT_MS), uuid7.new_id(AT_MS)
    outcomes = store_in_one_group(
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
    assert outcomes == [
        *(changed, changed, new, changed, changed, unknown),
        *(changed, changed, changed, new, unknown),
    ]
    assert session_state(busy) == (3, False, 5, AT + timedelta(seconds=9), second)
    assert session_state(calm) == (0, True, 5, AT + timedelta(seconds=5), None)
    assert PageView.objects.get(id=left).scroll_depth == 50
    assert durations(busy) == [2.5, 1.0, None]


def test_of_page_views_with_one_key_the_first_of_a_known_session_counts():
    one, other = start_session(), start_session()
    stored, new = view_page(one), view_row(one, 9000)
    outcomes = store_in_one_group(
        *view_calls(
            view_row(NOBODY, id=new.id), new, new, view_row(other, id=new.id), has_key=True
        ),
        *view_calls(view_row(one, id=stored), view_row(NOBODY, id=stored), has_key=True),
        *view_calls(view_row(other, 9000)),
        lambda: ingest.heartbeat(other),
    )
    unknown, repeated = Outcome.UNKNOWN_SESSION, Outcome.DUPLICATE
    assert outcomes == [
        *(unknown, Outcome.STORED, repeated, repeated),
        *(repeated, unknown, Outcome.STORED, Outcome.STORED),
    ]
    assert (session_state(one)[0], session_state(other)[0]) == (2, 1)
    assert durations(one) == [9.0, None]
    assert durations(other) == [None]


def test_a_bad_page_view_fails_alone_among_repeated_ones():
    session_id = start_session()
    stored = view_page(session_id)
    bad, good = view_row(session_id, 1000, path="a\0b"), view_row(session_id, 2000)
    rows = [view_row(session_id, id=stored), bad, good, good]
    outcomes = store_in_one_group(*view_calls(*rows, has_key=True))
    expected = [Outcome.DUPLICATE, Outcome.WRITE_FAILED, Outcome.STORED, Outcome.DUPLICATE]
    assert outcomes == expected
    assert session_state(session_id)[0] == 2


def test_the_end_of_a_page_view_is_not_that_of_a_session_with_its_id():
    session_id = start_session()
    outcomes = store_in_one_group(
        lambda: ingest.leave(session_id, duration=1, scroll_depth=None),
        lambda: ingest.heartbeat(session_id),
    )
    assert outcomes == [Outcome.UNKNOWN_SESSION, Outcome.STORED]


def test_a_rejected_change_fails_alone_in_its_group(clock):
    clock.set(uuid7.from_ms(AT_MS + 30_000))
    many = [start_session() for _ in range(99)]
    full = start_session(duration_seconds=LARGEST)
    everyone = [*many[:42], full, *many[42:]]
    outcomes = store_in_one_group(
        *(lambda id=id: ingest.heartbeat(id) for id in everyone),
        *view_calls(*map(view_row, everyone)),
    )
    expected = [Outcome.STORED] * 200
    expected[42] = Outcome.WRITE_FAILED
    assert outcomes == expected
    assert {session_state(id)[:3] for id in many} == {(1, True, 30)}
    assert session_state(full)[:3] == (1, True, LARGEST)
    assert PageView.objects.count() == 100


def test_a_rejected_page_view_fails_alone_and_is_not_counted():
    session_id = start_session()
    rows = [view_row(session_id, n * 1000, path=f"/{n}") for n in range(100)]
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "ALTER TABLE analytics_pageview ADD CONSTRAINT only_for_this_test CHECK (path <> '/42')"
        )
    outcomes = store_in_one_group(*view_calls(*rows))
    assert outcomes == [Outcome.STORED] * 42 + [Outcome.WRITE_FAILED] + [Outcome.STORED] * 57
    assert session_state(session_id)[:2] == (99, False)
    assert durations(session_id) == [1.0] * 41 + [2.0] + [1.0] * 56 + [None]
    with pytest.raises(RowRefused):
        ingest.view(rows[42])


# Statements per group


def statements(*calls):
    """Return the statements by which calls are stored in one group."""
    with CaptureQueriesContext(connections["analytics"]) as queries:
        store_in_one_group(*calls)
    texts = [query["sql"].removeprefix("PREPARE").strip() for query in queries]
    return [text for text in texts if not text.startswith(("SAVEPOINT", "RELEASE"))]


@pytest.mark.parametrize("number", [1, 100])
def test_a_group_costs_as_many_statements_as_one_call(number):
    many = [start_session() for _ in range(number)]
    left = [view_page(id) for id in many]
    after = count(1)

    def cost(call, targets):
        return len(statements(*(lambda each=each: call(each) for each in targets)))

    def view(session_id):
        ingest.view(view_row(session_id, next(after)))

    assert cost(view, many) == 3
    assert cost(lambda id: ingest.view(view_row(id, next(after)), has_key=True), many) == 5
    assert cost(lambda _: view(NOBODY), many) == 1
    assert cost(lambda id: ingest.leave(id, duration=1, scroll_depth=None), left) == 1
    assert cost(ingest.heartbeat, many) == 1
    assert cost(lambda id: ingest.identify(id, NOBODY), many) == 1


def test_a_group_of_all_changes_costs_four_statements():
    session_id = start_session()
    left = view_page(session_id)
    sent = statements(
        lambda: ingest.view(view_row(session_id, 1)),
        lambda: ingest.leave(left, duration=1, scroll_depth=None),
        lambda: ingest.heartbeat(session_id),
        lambda: ingest.identify(session_id, NOBODY),
    )
    assert len(sent) == 4


def test_numbers_of_one_column_may_be_whole_or_not():
    many = [start_session() for _ in range(100)]
    left = sorted(view_page(id) for id in many)
    seconds, depths = [80, 55.5] * 50, [50.5, 100, None, 0] * 25
    sent = statements(
        *(
            lambda given=given: ingest.leave(given[0], duration=given[1], scroll_depth=given[2])
            for given in zip(left, seconds, depths, strict=True)
        )
    )
    assert len(sent) == 1
    views = PageView.objects.order_by("id").values_list("duration_seconds", "scroll_depth")
    assert list(views) == list(zip(seconds, depths, strict=True))


def test_numbers_of_rows_may_be_whole_or_not():
    session_id = start_session()
    rows = [
        view_row(session_id, n, duration_seconds=seconds, scroll_depth=depth)
        for n, (seconds, depth) in enumerate([(80, None), (55.5, 1), (None, 0.5)])
    ]
    assert len(statements(*view_calls(*rows))) == 3
    views = PageView.objects.order_by("id").values_list("duration_seconds", "scroll_depth")
    assert list(views) == [(80, None), (55.5, 1), (None, 0.5)]
