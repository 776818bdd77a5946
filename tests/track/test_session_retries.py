"""Sessions and page views with an idempotency key: however often they come, they count once."""

from datetime import timedelta
from functools import partial
from itertools import count
from uuid import UUID

import pytest

from analytics.ingest import writer
from tests.support.activity import row_of
from tests.support.keys import DUPLICATE, INVALID_KEYS, KEY, NOT_A_KEY, header, key_of
from tests.support.metrics import outcome_counter
from tests.support.responses import assert_response, run_concurrently
from tests.support.session_rows import (
    page_view_counts,
    session_row,
    store_session,
    stored_page_views,
    stored_sessions,
)
from tests.support.sessions import (
    AT,
    AT_MS,
    BIO_PAGE,
    NO_ID,
    PAGE_VIEW,
    SECRET,
    SESSION,
    UNKNOWN_ID,
    all_rows,
    assert_error,
    assert_ok,
    assert_stored,
    dropped_header,
    leave,
    page_view_of,
    session_of,
    session_path,
    switch,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

with_threads = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)


@pytest.fixture
def later(clock):
    """Let it be an hour after the time of the keys."""
    clock.set(AT + timedelta(hours=1))
    return clock


def assert_duplicate(response, id=KEY):
    """Demand the response to what was stored before under this id."""
    assert_response(response, 200, {"success": True, "data": {"id": id}}, DUPLICATE)


# Sessions


@pytest.mark.usefixtures("later")
def test_a_key_is_the_id_of_the_session_and_its_time(api):
    assert str(assert_stored(api.post(SESSION, session_of(), headers=header(KEY.upper())))) == KEY
    assert stored_sessions() == [session_row(UUID(KEY), AT)]


@pytest.mark.usefixtures("later")
def test_a_repeated_session_is_stored_once(api):
    counted = outcome_counter(api, "track")
    assert_stored(api.post(SESSION, session_of(), headers=header()))
    assert_duplicate(api.post(SESSION, session_of(visitorId="vis-other"), headers=header()))
    assert stored_sessions() == [session_row(UUID(KEY), AT)]
    assert counted() == {("stored", ""): 1, ("duplicate", ""): 1}


def test_a_repeated_session_is_recorded_as_that_session(api):
    first, again = (api.post(SESSION, session_of(), headers=header()) for _ in range(2))
    assert row_of(first).session_id == row_of(again).session_id == KEY


def test_a_session_that_has_been_used_and_identified_is_no_conflict(api, token):
    api.post(SESSION, session_of(), headers=header())
    assert_ok(api.patch(session_path(KEY, "identify"), token=token))
    assert_ok(api.patch(session_path(KEY, "heartbeat")))
    assert_stored(api.post(PAGE_VIEW, page_view_of(KEY)))
    before = all_rows()
    assert_duplicate(api.post(SESSION, session_of(), headers=header()))
    assert all_rows() == before


def test_a_key_that_is_the_id_of_a_session_without_one_is_a_retry_too(api):
    id = str(assert_stored(api.post(SESSION, session_of())))
    assert_duplicate(api.post(SESSION, session_of(), headers=header(id)), id)


def test_a_session_may_begin_a_day_ahead_and_its_heartbeats_add_nothing(api, clock):
    clock.set(AT)
    late = key_of(AT_MS + 86_400_001)
    assert_error(api.post(SESSION, session_of(), headers=header(late)), 400, NOT_A_KEY)
    key = key_of(AT_MS + 86_400_000)
    assert_stored(api.post(SESSION, session_of(), headers=header(key)))
    assert_ok(api.patch(session_path(key, "heartbeat")))
    [row] = stored_sessions()
    assert (row["duration_seconds"], row["last_active_at"]) == (0, AT + timedelta(days=1))


@pytest.mark.parametrize(
    ("reason", "body", "headers"),
    [
        ("bot", {}, {"User-Agent": "Googlebot/2.1"}),
        ("no_consent", {"consentAnalytics": "no"}, {}),
        ("unverified", {"bioPageId": BIO_PAGE}, {}),
    ],
)
def test_a_dropped_session_keeps_no_key(api, settings, reason, body, headers):
    settings.TRACKING_HMAC_SECRET = SECRET
    stored = api.post(SESSION, session_of(**body), headers=headers | header())
    assert_response(stored, 200, NO_ID, dropped_header(reason))
    assert stored_sessions() == []
    assert_stored(api.post(SESSION, session_of(), headers=header()))
    again = api.post(SESSION, session_of(**body), headers=headers | header())
    assert_response(again, 200, NO_ID, dropped_header(reason))


# Page views


@pytest.fixture
def visit(api, later):
    """The id of a session that began at AT."""
    return str(store_session().pk)


def test_a_key_is_the_id_of_the_page_view_and_its_time(api, visit):
    key = key_of(AT_MS + 5000)
    assert str(assert_stored(api.post(PAGE_VIEW, page_view_of(visit), headers=header(key)))) == key
    [row] = stored_page_views()
    assert (str(row["id"]), row["created_at"]) == (key, AT + timedelta(seconds=5))
    assert page_view_counts() == [(1, True, AT + timedelta(seconds=5))]


def test_a_repeated_page_view_counts_once(api, visit, later):
    counted = outcome_counter(api, "track")
    assert_stored(api.post(PAGE_VIEW, page_view_of(visit), headers=header()))
    before = all_rows()
    later.move(seconds=10)
    assert_duplicate(api.post(PAGE_VIEW, page_view_of(visit, path="/other"), headers=header()))
    assert all_rows() == before
    assert counted() == {("stored", ""): 1, ("duplicate", ""): 1}


def test_a_repeated_page_view_touches_no_duration(api, visit, later):
    first, second = key_of(AT_MS), key_of(AT_MS + 9000)
    for key in (first, second):
        assert_stored(api.post(PAGE_VIEW, page_view_of(visit), headers=header(key)))
    assert leave(api, second, {"duration": 3, "scrollDepth": 50}).status_code == 200
    before = all_rows()
    assert [row["duration_seconds"] for row in stored_page_views()] == [3, 9]
    for key in (first, second):
        assert_duplicate(api.post(PAGE_VIEW, page_view_of(visit), headers=header(key)), key)
    assert all_rows() == before


def test_a_page_view_that_comes_late_is_entered_at_its_own_time(api, visit):
    last, late = key_of(AT_MS + 9000), key_of(AT_MS + 5000)
    for key in (key_of(AT_MS), last, late):
        assert_stored(api.post(PAGE_VIEW, page_view_of(visit), headers=header(key)))
    assert [row["duration_seconds"] for row in stored_page_views()] == [None, None, 9]
    assert page_view_counts() == [(3, False, AT + timedelta(seconds=9))]


def test_a_key_of_another_session_counts_in_neither(api, visit):
    other = str(store_session(user_id=UUID(UNKNOWN_ID)).pk)
    assert_stored(api.post(PAGE_VIEW, page_view_of(visit), headers=header()))
    before = all_rows()
    assert_duplicate(api.post(PAGE_VIEW, page_view_of(other), headers=header()))
    assert all_rows() == before


def test_a_page_view_and_its_session_may_have_one_key(api):
    assert_stored(api.post(SESSION, session_of(), headers=header()))
    assert_stored(api.post(PAGE_VIEW, page_view_of(KEY), headers=header()))
    assert_duplicate(api.post(PAGE_VIEW, page_view_of(KEY), headers=header()))
    assert page_view_counts() == [(1, True, AT)]


def test_a_key_that_is_the_id_of_a_page_view_without_one_is_a_retry_too(api, visit):
    id = str(assert_stored(api.post(PAGE_VIEW, page_view_of(visit))))
    assert_duplicate(api.post(PAGE_VIEW, page_view_of(visit), headers=header(id)), id)


@pytest.mark.parametrize("session_id", ["x", UNKNOWN_ID])
def test_an_unknown_session_is_unknown_whatever_the_key(api, visit, session_id):
    for _ in range(2):
        response = api.post(PAGE_VIEW, page_view_of(session_id), headers=header())
        assert_response(response, 200, NO_ID, dropped_header("unknown_session"))
    assert_stored(api.post(PAGE_VIEW, page_view_of(visit), headers=header()))
    response = api.post(PAGE_VIEW, page_view_of(session_id), headers=header())
    assert_response(response, 200, NO_ID, dropped_header("unknown_session"))


# Both


def body_of(path):
    """Return a body that is stored, of what has this path."""
    return session_of() if path == SESSION else page_view_of(str(store_session(AT_MS - 1).pk))


@pytest.mark.parametrize("path", [SESSION, PAGE_VIEW])
@pytest.mark.parametrize("key", INVALID_KEYS)
def test_an_invalid_key_is_rejected(api, path, key):
    body = body_of(path)
    before = all_rows()
    assert_error(api.post(path, body, headers=header(key)), 400, NOT_A_KEY)
    assert all_rows() == before


@pytest.mark.parametrize("path", [SESSION, PAGE_VIEW])
def test_the_fields_come_before_the_key_and_the_key_before_the_switch(api, path):
    body, field = body_of(path), "visitorId" if path == SESSION else "path"
    before = all_rows()
    switch("false")
    response = api.post(path, body | {field: 5}, headers=header("x"))
    assert_error(response, 400, f"{field} must be a string")
    assert_error(api.post(path, body, headers=header("x")), 400, NOT_A_KEY)
    response = api.post(path, body, headers=header())
    assert_response(response, 200, NO_ID, dropped_header("kill_switch"))
    assert all_rows() == before


@pytest.mark.parametrize("path", [SESSION, PAGE_VIEW])
def test_a_repeated_post_counts_towards_the_limit(api, settings, clock, path):
    settings.RATE_SESSION = settings.RATE_PAGEVIEW = "2/m"
    body = body_of(path)
    statuses = [api.post(path, body, headers=header()).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("path", [SESSION, PAGE_VIEW])
def test_without_the_database_a_retry_is_no_error(api, path, request):
    body = body_of(path)
    assert_stored(api.post(path, body, headers=header()))
    request.getfixturevalue("analytics_away")
    response = api.post(path, body, headers=header())
    assert_response(response, 200, NO_ID, dropped_header("write_failed"))


@with_threads
@pytest.mark.parametrize("path", [SESSION, PAGE_VIEW])
@pytest.mark.parametrize("processes", [1, 2])
def test_of_fifty_at_once_one_is_stored(api, settings, monkeypatch, make_process, path, processes):
    started, turn = [make_process() for _ in range(processes)], count()
    monkeypatch.setattr(writer, "write", lambda *what: started[next(turn) % processes].write(*what))
    settings.RATE_SESSION = settings.RATE_PAGEVIEW = "100/m"
    body = body_of(path)
    posts = [partial(api.post, path, body, headers=header())] * 50
    outcomes = [response["X-Event-Outcome"] for response in run_concurrently(*posts)]
    assert sorted(outcomes) == ["duplicate"] * 49 + ["stored"]
    assert [str(row["id"]) for row in all_rows()].count(KEY) == 1
    if path == PAGE_VIEW:
        assert [counts[:2] for counts in page_view_counts()] == [(1, True)]
