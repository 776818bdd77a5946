"""PATCH /api/v1/analytics/session/:id/heartbeat and /identify; the switch of every change"""

import io
from datetime import timedelta

import pytest

from analytics.sessions.models import Session
from tests.support.responses import assert_response
from tests.support.session_rows import store_session
from tests.support.sessions import (
    AT,
    OK,
    STRANGE_IDS,
    UNKNOWN_ID,
    all_rows,
    assert_error,
    assert_ok,
    dropped_header,
    fail_writes,
    ingested_total,
    leave,
    session_path,
    session_use,
    switch,
)
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

IDS = pytest.mark.parametrize("id", STRANGE_IDS, ids=lambda id: id[:12])


class Unread(io.BytesIO):
    """A body that must not be read."""

    def read(self, *args):
        raise AssertionError("the body was read")


def heartbeat(api, id, **more):
    return api.patch(session_path(id, "heartbeat"), **more)


def identify(api, id, token, **more):
    return api.patch(session_path(id, "identify"), token=token, **more)


# Heartbeats


def test_a_heartbeat_adds_what_has_passed_since_the_last_one(api, session, clock):
    clock.set(AT + timedelta(seconds=21))
    assert_ok(heartbeat(api, session.pk))
    assert session_use(session) == (21, AT + timedelta(seconds=21), None)
    clock.set(AT + timedelta(milliseconds=60_123))
    assert_ok(heartbeat(api, str(session.pk).upper()))
    assert session_use(session) == (51, AT + timedelta(milliseconds=60_123), None)


def test_heartbeats_at_once_add_no_more_than_one(api, session, clock):
    clock.set(AT + timedelta(seconds=12))
    for _ in range(5):
        assert_ok(heartbeat(api, session.pk))
        clock.move(milliseconds=25)
    assert session_use(session)[0] == 12


def test_a_heartbeat_is_no_page_view_and_of_one_session_only(api, session):
    other = store_session()
    assert_ok(heartbeat(api, session.pk))
    [changed] = Session.objects.filter(id=session.pk).values_list("page_views", "bounced")
    assert changed == (0, True)
    assert session_use(other) == (0, AT, None)


@IDS
def test_a_heartbeat_of_an_unknown_session_changes_nothing(api, session, id):
    before = all_rows()
    assert_response(heartbeat(api, id), 200, OK, dropped_header("unknown_session"))
    assert all_rows() == before


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("action", ["heartbeat", "identify"])
def test_heartbeats_and_identifications_are_patches(api, session, action, method):
    response = api.generic(method, session_path(session.pk, action))
    assert_error(response, 405, headers={"Allow": "PATCH"})


# Bodies are ignored


@pytest.mark.parametrize("content_type", ["application/json", "text/html", ""])
@pytest.mark.parametrize("action", ["heartbeat", "identify"])
def test_a_body_is_not_read(api, session, token, action, content_type):
    environ = {"CONTENT_LENGTH": "1048576", "wsgi.input": Unread()}
    path = session_path(session.pk, action)
    assert_ok(api.generic("PATCH", path, content_type=content_type, token=token, **environ))


@pytest.mark.parametrize("action", ["heartbeat", "identify"])
def test_a_body_over_the_limit_is_rejected_unread(api, session, token, action):
    environ = {"CONTENT_LENGTH": "2097152", "wsgi.input": Unread()}
    path = session_path(session.pk, action)
    before = all_rows()
    response = api.generic("PATCH", path, token=token, **environ)
    assert_error(response, 413)
    assert all_rows() == before


def test_authentication_comes_before_the_size_of_the_body(api, session):
    environ = {"CONTENT_LENGTH": "2097152", "wsgi.input": Unread()}
    response = api.generic("PATCH", session_path(session.pk, "identify"), **environ)
    assert_error(response, 401)


# Identify


def test_a_session_gets_the_user_of_the_token(api, session, user, token):
    assert_ok(identify(api, session.pk, token))
    assert session_use(session) == (0, AT, user.id)


def test_another_user_replaces_an_earlier_one(api, session, token, make_user):
    assert_ok(identify(api, session.pk, token))
    other = make_user("other@example.com")
    assert_ok(identify(api, str(session.pk).upper(), tokens.issue(other).access))
    assert session_use(session) == (0, AT, other.id)


def test_the_scheme_may_be_written_in_any_case(api, session, user, token):
    headers = {"Authorization": f"bEARER {token}"}
    assert_ok(api.patch(session_path(session.pk, "identify"), headers=headers))
    assert session_use(session) == (0, AT, user.id)


@IDS
def test_identifying_an_unknown_session_changes_nothing(api, session, token, id):
    before = all_rows()
    assert_response(identify(api, id, token), 200, OK, dropped_header("unknown_session"))
    assert all_rows() == before


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
    assert session_use(session) == (0, AT, None)


def test_a_refresh_token_is_rejected(api, session, user):
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
    """Return the responses of all ways to change a session or a page view."""
    return [
        leave(api, page_view.pk, {"duration": 1}),
        leave(api, page_view.pk, {"duration": 1}, "POST"),
        heartbeat(api, session.pk),
        identify(api, session.pk, token),
    ]


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
def test_nothing_changes_while_the_switch_is_off(api, session, page_view, token, text):
    switch(text)
    before = all_rows()
    for response in every_change(api, session, page_view, token):
        assert_response(response, 200, OK, dropped_header("kill_switch"))
    assert_response(
        heartbeat(api, "x"), 200, OK, dropped_header("kill_switch")
    )  # before the id is read
    assert all_rows() == before


def test_fields_and_tokens_are_checked_while_the_switch_is_off(api, session, page_view):
    switch("false")
    details = ["duration must be a number conforming to the specified constraints"]
    assert_error(leave(api, page_view.pk, {"duration": "1"}), 400, *details)
    assert_error(identify(api, session.pk, None), 401)


def test_failed_writes_look_like_successes(api, session, page_view, token, monkeypatch):
    before, count = all_rows(), ingested_total("dropped", "write_failed")
    fail_writes(monkeypatch)
    for response in every_change(api, session, page_view, token):
        assert_response(response, 200, OK, dropped_header("write_failed"))
    assert all_rows() == before
    assert ingested_total("dropped", "write_failed") == count + 4


def test_a_text_that_is_no_id_needs_no_storage(api, token, monkeypatch):
    fail_writes(monkeypatch)
    assert_response(heartbeat(api, "x"), 200, OK, dropped_header("unknown_session"))
    assert_response(heartbeat(api, UNKNOWN_ID), 200, OK, dropped_header("write_failed"))


def test_changes_need_no_main_database(api, session, page_view, user, token, request):
    request.getfixturevalue("main_database_away")
    for response in every_change(api, session, page_view, token):
        assert_ok(response)
    assert session_use(session)[2] == user.id
