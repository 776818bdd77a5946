"""PATCH and POST /api/v1/analytics/pageview/:id/leave"""

import json

import pytest

from analytics.sessions.models import PageView
from tests.support.responses import assert_response
from tests.support.session_rows import store_page_view
from tests.support.sessions import (
    OK,
    STRANGE_IDS,
    TOO_LONG,
    all_rows,
    assert_error,
    assert_ok,
    dropped_header,
    leave,
    leave_path,
    session_use,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NO_NUMBER = "{} must be a number conforming to the specified constraints"
METHODS = pytest.mark.parametrize("method", ["PATCH", "POST"])
IDS = pytest.mark.parametrize("id", STRANGE_IDS, ids=lambda id: id[:12])


def left(page_view):
    """Return what is known of how a page view ended."""
    row = PageView.objects.values_list("duration_seconds", "scroll_depth")
    return row.get(id=page_view.pk)


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


@METHODS
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"duration": 3600.0001}, (3600, None)),
        ({"duration": 10**400}, (3600, None)),
        ({"duration": 1e300}, (3600, None)),
        ({"duration": -(10**400)}, (0, None)),
        ({"duration": -0.1, "scrollDepth": 101}, (0, 100)),
        ({"duration": 1, "scrollDepth": 100.0001}, (1, 100)),
        ({"duration": 1, "scrollDepth": -1e300}, (1, 0)),
    ],
    ids=lambda value: str(value)[:30],
)
def test_values_out_of_range_are_brought_into_it(api, page_view, method, body, expected):
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
    before = session_use(session)
    assert_ok(leave(api, page_view.pk, {"duration": 1}))
    assert left(other) == (None, None)
    assert session_use(session) == before


@METHODS
@IDS
def test_leaving_an_unknown_page_view_changes_nothing(api, page_view, method, id):
    before = all_rows()
    response = leave(api, id, {"duration": 1}, method)
    assert_response(response, 200, OK, dropped_header("unknown_session"))
    assert all_rows() == before


def test_the_id_of_a_session_is_no_page_view_id(api, session, page_view):
    response = leave(api, session.pk, {"duration": 1})
    assert_response(response, 200, OK, dropped_header("unknown_session"))


@METHODS
@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, [NO_NUMBER.format("duration")]),
        ({"duration": True}, [NO_NUMBER.format("duration")]),
        ({"duration": "5"}, [NO_NUMBER.format("duration")]),
        ({"duration": None}, [NO_NUMBER.format("duration")]),
        ({"duration": [5]}, [NO_NUMBER.format("duration")]),
        ({"duration": 1, "scrollDepth": "80"}, [NO_NUMBER.format("scrollDepth")]),
        ({"duration": 1, "scrollDepth": False}, [NO_NUMBER.format("scrollDepth")]),
        (
            {"scrollDepth": "80", "duration": True},
            [NO_NUMBER.format("duration"), NO_NUMBER.format("scrollDepth")],
        ),
        ([1], ["body must be an object"]),
    ],
    ids=lambda value: str(value)[:30],
)
def test_each_invalid_field_of_a_leave_is_reported(api, page_view, method, body, details):
    assert_error(leave(api, page_view.pk, body, method), 400, *details)
    assert left(page_view) == (None, None)


@METHODS
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_leaving_with_an_empty_body_lacks_the_duration(api, page_view, method, body):
    response = api.generic(method, leave_path(page_view.pk), body, "application/json")
    assert_error(response, 400, NO_NUMBER.format("duration"))


@METHODS
@pytest.mark.parametrize(
    "content_type", ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded"]
)
def test_leaving_reads_json_under_simple_types_too(api, page_view, method, content_type):
    body = json.dumps({"duration": 2}).encode()
    assert_ok(api.generic(method, leave_path(page_view.pk), body, content_type))
    assert left(page_view) == (2, None)


@METHODS
@pytest.mark.parametrize(
    ("content_type", "size", "status"),
    [
        ("multipart/form-data; boundary=x", 20, 415),
        ("text/html", TOO_LONG, 413),
    ],
)
def test_leave_accepts_no_other_type(api, page_view, method, content_type, size, status):
    body = b'{"duration": 2}'.ljust(size)
    response = api.generic(method, leave_path(page_view.pk), body, content_type)
    assert_error(response, status)
    assert left(page_view) == (None, None)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_leave_accepts_patch_and_post(api, page_view, method):
    response = api.generic(method, leave_path(page_view.pk))
    assert_error(response, 405, headers={"Allow": "POST, PATCH"})
