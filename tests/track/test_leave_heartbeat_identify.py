"""What ends a page view, keeps a session alive, and says whose it is; all under /api/v1/analytics.

PATCH and POST pageview/:id/leave, PATCH session/:id/heartbeat, PATCH session/:id/identify
"""

import io
import json
from datetime import timedelta

import pytest

from analytics.sessions.models import PageView, Session
from config.db import uuid7
from tests.support.responses import (
    assert_answer,
    bearer,
)
from tests.support.session_rows import (
    store_page_view,
    store_session,
)
from tests.support.sessions import (
    AT,
    AT_MS,
    OK,
    STRANGE_IDS,
    TOO_LONG,
    UNKNOWN_ID,
    assert_error,
    assert_ok,
    assert_rate_limited,
    counted,
    dropped,
    leave_path,
    send,
    session_path,
    switch,
    take_storage_away,
)
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NO_NUMBER = "{} must be a number conforming to the specified constraints"
METHODS = pytest.mark.parametrize("method", ["PATCH", "POST"])
IDS = pytest.mark.parametrize("id", STRANGE_IDS, ids=lambda id: id[:12])


class Unread(io.BytesIO):
    """A body that nobody may read."""

    def read(self, *args):
        raise AssertionError("the body was read")


@pytest.fixture
def session():
    return store_session()


@pytest.fixture
def page_view(session):
    return store_page_view(session)


def leave(api, id, body, method="PATCH", **more):
    return send(api, body, leave_path(id), method=method, **more)


def heartbeat(api, id, **more):
    return api.patch(session_path(id, "heartbeat"), **more)


def identify(api, id, token, **more):
    headers = {"headers": bearer(token)} if token else {}
    return api.patch(session_path(id, "identify"), **headers, **more)


def left(page_view):
    """Return what is known of how a page view ended."""
    row = PageView.objects.values_list("duration_seconds", "scroll_depth")
    return row.get(id=page_view.pk)


def seen(session):
    """Return for how long, until when, and by whom a session is known to be used."""
    row = Session.objects.values_list("duration_seconds", "last_active_at", "user_id")
    return row.get(id=session.pk)


def rows():
    """Return every session and page view as they are stored."""
    return [*Session.objects.values(), *PageView.objects.values()]


# Leaving a page


@METHODS
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"duration": 47.5, "scrollDepth": 80}, (47.5, 80)),
        ({"duration": 0, "scrollDepth": 0}, (0, 0)),
        ({"duration": 3600, "scrollDepth": 100}, (3600, 100)),
        ({"duration": 0.001, "scrollDepth": 99.99}, (0.001, 99.99)),
        ({"duration": 5}, (5, None)),
        ({"duration": 5, "scrollDepth": None, "id": "x"}, (5, None)),
    ],
)
def test_leaving_sets_duration_and_scroll_depth(api, page_view, method, body, expected):
    assert_ok(leave(api, page_view.pk, body, method))
    assert left(page_view) == expected


def test_leaving_again_sets_them_again(api, page_view):
    assert_ok(leave(api, page_view.pk, {"duration": 10, "scrollDepth": 50}))
    assert_ok(leave(api, str(page_view.pk).upper(), {"duration": 20}))
    assert left(page_view) == (20, 50)


def test_leaving_replaces_a_duration_that_was_filled_in(api, session):
    page_view = store_page_view(session, duration_seconds=3)
    assert_ok(leave(api, page_view.pk, {"duration": 1.25}))
    assert left(page_view) == (1.25, None)


def test_only_that_page_view_is_left(api, session, page_view):
    other = store_page_view(session)
    before = seen(session)
    assert_ok(leave(api, page_view.pk, {"duration": 1}))
    assert left(other) == (None, None)
    assert seen(session) == before


@METHODS
@IDS
def test_leaving_an_unknown_page_view_changes_nothing(api, page_view, method, id):
    before = rows()
    response = leave(api, id, {"duration": 1}, method)
    assert_answer(response, 200, OK, dropped("unknown_session"))
    assert rows() == before


def test_a_session_is_no_page_view(api, session, page_view):
    response = leave(api, session.pk, {"duration": 1})
    assert_answer(response, 200, OK, dropped("unknown_session"))


@METHODS
@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, [NO_NUMBER.format("duration")]),
        ({"duration": True}, [NO_NUMBER.format("duration")]),
        ({"duration": "5"}, [NO_NUMBER.format("duration")]),
        ({"duration": None}, [NO_NUMBER.format("duration")]),
        ({"duration": [5]}, [NO_NUMBER.format("duration")]),
        ({"duration": 3600.0001}, ["duration must not be greater than 3600"]),
        ({"duration": 10**400}, ["duration must not be greater than 3600"]),
        ({"duration": -(10**400)}, ["duration must not be less than 0"]),
        ({"duration": 1, "scrollDepth": "80"}, [NO_NUMBER.format("scrollDepth")]),
        ({"duration": 1, "scrollDepth": False}, [NO_NUMBER.format("scrollDepth")]),
        ({"duration": 1, "scrollDepth": -1}, ["scrollDepth must not be less than 0"]),
        (
            {"scrollDepth": 101, "duration": -0.1},
            ["duration must not be less than 0", "scrollDepth must not be greater than 100"],
        ),
        ([1], ["body must be an object"]),
    ],
    ids=lambda value: str(value)[:30],
)
def test_each_failing_field_of_leaving_is_told(api, page_view, method, body, details):
    assert_error(leave(api, page_view.pk, body, method), 400, *details)
    assert left(page_view) == (None, None)


@METHODS
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_leaving_with_an_empty_body_lacks_the_duration(api, page_view, method, body):
    response = api.generic(method, leave_path(page_view.pk), body, "application/json")
    assert_error(response, 400, NO_NUMBER.format("duration"))


@METHODS
def test_leaving_reads_json_as_text_too(api, page_view, method):
    body = json.dumps({"duration": 2}).encode()
    assert_ok(api.generic(method, leave_path(page_view.pk), body, "text/plain;charset=UTF-8"))
    assert left(page_view) == (2, None)


@METHODS
@pytest.mark.parametrize(
    ("content_type", "size", "status"),
    [
        ("application/x-www-form-urlencoded", 20, 415),
        ("text/html", TOO_LONG, 413),
    ],
)
def test_leaving_reads_nothing_else(api, page_view, method, content_type, size, status):
    body = b'{"duration": 2}'.ljust(size)
    response = api.generic(method, leave_path(page_view.pk), body, content_type)
    assert_error(response, status)
    assert left(page_view) == (None, None)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_leaving_knows_two_methods(api, page_view, method):
    response = api.generic(method, leave_path(page_view.pk))
    assert_error(response, 405, headers={"Allow": "POST, PATCH"})


@pytest.mark.usefixtures("still_clock")
def test_the_eleventh_leave_is_refused_over_all_ids_and_both_methods(api, page_view):
    for number in range(10):
        method = ("PATCH", "POST")[number % 2]
        headers = {"X-Forwarded-For": f"192.0.2.{number}"}  # of a stranger, without effect
        answer = leave(api, f"x{number}", {"duration": 1}, method, headers=headers)
        assert answer.status_code == 200
    for method in ("PATCH", "POST"):
        response = leave(api, page_view.pk, {"duration": 1}, method)
        assert 1 <= int(response["Retry-After"]) <= 60
        assert_rate_limited(response, int(response["Retry-After"]))
    assert left(page_view) == (None, None)


# Heartbeats


def test_a_heartbeat_adds_thirty_seconds(api, session, monkeypatch):
    monkeypatch.setattr(uuid7, "now_ms", lambda: AT_MS + 31_000)
    assert_ok(heartbeat(api, session.pk))
    assert seen(session) == (30, AT + timedelta(seconds=31), None)
    monkeypatch.setattr(uuid7, "now_ms", lambda: AT_MS + 60_123)
    assert_ok(heartbeat(api, str(session.pk).upper()))
    assert seen(session) == (60, AT + timedelta(milliseconds=60_123), None)


def test_a_heartbeat_is_no_page_view_and_of_one_session_only(api, session):
    other = store_session()
    assert_ok(heartbeat(api, session.pk))
    [changed] = Session.objects.filter(id=session.pk).values_list("page_views", "bounced")
    assert changed == (0, True)
    assert seen(other) == (0, AT, None)


@IDS
def test_a_heartbeat_of_an_unknown_session_changes_nothing(api, session, id):
    before = rows()
    assert_answer(heartbeat(api, id), 200, OK, dropped("unknown_session"))
    assert rows() == before


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("action", ["heartbeat", "identify"])
def test_heartbeats_and_identifications_are_patches(api, session, action, method):
    response = api.generic(method, session_path(session.pk, action))
    assert_error(response, 405, headers={"Allow": "PATCH"})


@pytest.mark.usefixtures("still_clock")
def test_the_sixth_heartbeat_of_half_a_minute_is_refused(api, session):
    for number in range(5):
        assert heartbeat(api, f"x{number}").status_code == 200
    response = heartbeat(api, session.pk)
    assert 1 <= int(response["Retry-After"]) <= 30
    assert_rate_limited(response, int(response["Retry-After"]))
    assert seen(session) == (0, AT, None)


# Bodies that nobody asked for


@pytest.mark.parametrize("content_type", ["application/json", "text/html", ""])
@pytest.mark.parametrize("action", ["heartbeat", "identify"])
def test_a_body_is_not_read(api, session, token, action, content_type):
    environ = {"CONTENT_LENGTH": "1048576", "wsgi.input": Unread()}
    path = session_path(session.pk, action)
    assert_ok(
        api.generic("PATCH", path, content_type=content_type, headers=bearer(token), **environ)
    )


@pytest.mark.parametrize("action", ["heartbeat", "identify"])
def test_a_body_over_the_limit_is_refused_unread(api, session, token, action):
    environ = {"CONTENT_LENGTH": "2097152", "wsgi.input": Unread()}
    path = session_path(session.pk, action)
    before = rows()
    response = api.generic("PATCH", path, headers=bearer(token), **environ)
    assert_error(response, 413)
    assert rows() == before


def test_who_it_is_comes_before_the_size_of_the_body(api, session):
    environ = {"CONTENT_LENGTH": "2097152", "wsgi.input": Unread()}
    response = api.generic("PATCH", session_path(session.pk, "identify"), **environ)
    assert_error(response, 401)


# Whose session it is


def test_a_session_gets_the_user_of_the_token(api, session, user, token):
    assert_ok(identify(api, session.pk, token))
    assert seen(session) == (0, AT, user.id)


def test_another_user_takes_the_place_of_an_earlier_one(api, session, token, make_user):
    assert_ok(identify(api, session.pk, token))
    other = make_user("other@example.com")
    assert_ok(identify(api, str(session.pk).upper(), tokens.issue(other).access))
    assert seen(session) == (0, AT, other.id)


def test_the_scheme_may_be_written_in_any_case(api, session, user, token):
    headers = {"Authorization": f"bEARER {token}"}
    assert_ok(api.patch(session_path(session.pk, "identify"), headers=headers))
    assert seen(session) == (0, AT, user.id)


@IDS
def test_identifying_an_unknown_session_changes_nothing(api, session, token, id):
    before = rows()
    assert_answer(identify(api, id, token), 200, OK, dropped("unknown_session"))
    assert rows() == before


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "Authentication required"),
        ("", "Authentication required"),
        ("Bearer", "Authentication required"),
        ("Bearer ", "Authentication required"),
        ("Basic dXNlcjpwYXNz", "Authentication required"),
        ("Bearer a.b.c", "Invalid or expired token"),
        ("Bearer ...", "Invalid or expired token"),
    ],
)
@pytest.mark.parametrize("id", ["the session's", "x"])
def test_identifying_demands_a_token(api, session, id, authorization, message):
    headers = {} if authorization is None else {"Authorization": authorization}
    id = session.pk if id == "the session's" else id
    response = api.patch(session_path(id, "identify"), headers=headers)
    assert_error(response, 401, message=message)
    assert seen(session) == (0, AT, None)


def test_a_refresh_token_identifies_nobody(api, session, user):
    response = identify(api, session.pk, tokens.issue(user).refresh)
    assert_error(response, 401, message="Invalid or expired token")


def test_a_user_who_is_inactive_is_not_known(api, session, user, token):
    user.is_active = False
    user.save()
    response = identify(api, session.pk, token)
    assert_error(response, 401, message="Invalid or expired token")


def test_identifying_has_no_limit(api, session, token):
    for _ in range(70):
        assert identify(api, session.pk, token).status_code == 200


# The switch, and failures


def every_change(api, session, page_view, token):
    """Return the answers of all ways to change a session or a page view."""
    return [
        leave(api, page_view.pk, {"duration": 1}),
        leave(api, page_view.pk, {"duration": 1}, "POST"),
        heartbeat(api, session.pk),
        identify(api, session.pk, token),
    ]


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
def test_nothing_changes_while_the_switch_is_off(api, session, page_view, token, text):
    switch(text)
    before = rows()
    for response in every_change(api, session, page_view, token):
        assert_answer(response, 200, OK, dropped("kill_switch"))
    assert_answer(heartbeat(api, "x"), 200, OK, dropped("kill_switch"))  # before the id is read
    assert rows() == before


def test_fields_and_tokens_are_checked_while_the_switch_is_off(api, session, page_view):
    switch("false")
    details = ["duration must not be less than 0"]
    assert_error(leave(api, page_view.pk, {"duration": -1}), 400, *details)
    assert_error(identify(api, session.pk, None), 401)


def test_failed_writes_look_like_successes(api, session, page_view, token, monkeypatch):
    before, count = rows(), counted("dropped", "write_failed")
    take_storage_away(monkeypatch)
    for response in every_change(api, session, page_view, token):
        assert_answer(response, 200, OK, dropped("write_failed"))
    assert rows() == before
    assert counted("dropped", "write_failed") == count + 4


def test_a_text_that_is_no_id_needs_no_storage(api, token, monkeypatch):
    take_storage_away(monkeypatch)
    assert_answer(heartbeat(api, "x"), 200, OK, dropped("unknown_session"))
    assert_answer(heartbeat(api, UNKNOWN_ID), 200, OK, dropped("write_failed"))


def test_changes_need_no_main_database(api, session, page_view, user, token, request):
    request.getfixturevalue("main_database_away")
    for response in every_change(api, session, page_view, token):
        assert_ok(response)
    assert seen(session)[2] == user.id
