"""POST /api/v1/analytics/pageview: invalid fields, methods, bodies, the rate limit and failures"""

import json
from typing import Any

import pytest
from django.db import connections

from tests.support.responses import assert_response
from tests.support.session_rows import page_view_counts, stored_page_views
from tests.support.sessions import (
    AT,
    NO_ID,
    TOO_LONG,
    UNKNOWN_ID,
    assert_error,
    assert_stored,
    dropped_header,
    fail_writes,
    ingested_total,
    page_view_of,
)
from tests.support.sessions import PAGE_VIEW as PATH

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LINK = "11111111-2222-1333-8444-555555555555"
OPTIONAL_TEXTS = ["title", "referrer"]
IDS = ["bioPageId", "linkClicked"]
NO_TEXTS: list[Any] = [None, 5, True, ["a"], {}]


# Fields


@pytest.mark.parametrize(
    ("change", "details"),
    [
        *(
            ({name: value}, [f"{name} must be a string"])
            for name in ("sessionId", "path")
            for value in NO_TEXTS
        ),
        *(
            ({name: value}, [f"{name} must be a string"])
            for name in OPTIONAL_TEXTS
            for value in NO_TEXTS[1:]
        ),
        *(
            ({name: value}, [f"{name} must be a UUID"])
            for name in IDS
            for value in ("zz", "", 5, LINK.replace("-", ""))
        ),
        (
            {"linkClicked": 5, "title": 5, "sessionId": 5},
            ["sessionId must be a string", "title must be a string", "linkClicked must be a UUID"],
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_invalid_field_is_reported(api, session_id, change, details):
    assert_error(api.post(PATH, page_view_of(session_id, **change)), 400, *details)
    assert stored_page_views() == []


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_empty_body_lacks_session_and_path(api, body):
    response = api.post_bytes(PATH, body)
    assert_error(response, 400, "sessionId must be a string", "path must be a string")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"[]", "body must be an object"),
        (b'{"sessionId": ', "Invalid JSON"),
        (rb'{"path": "a\u0000"}', "NUL characters are not allowed"),
    ],
)
def test_invalid_json_is_reported(api, body, detail):
    assert_error(api.post_bytes(PATH, body), 400, detail)


# Methods, types, sizes


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_rejected(api, method):
    assert_error(api.generic(method, PATH), 405, headers={"Allow": "POST"})


@pytest.mark.parametrize("path", [f"{PATH}/", f"{PATH}/{UNKNOWN_ID}", f"{PATH}/x/y/leave"])
def test_another_path_is_unknown(api, session_id, path):
    assert_error(api.post(path, {"sessionId": session_id, "path": "/"}), 404)
    assert stored_page_views() == []


@pytest.mark.parametrize(
    "content_type", ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded"]
)
def test_json_is_read_under_simple_types(api, session_id, content_type):
    body = json.dumps({"sessionId": session_id, "path": "/"}).encode()
    assert_stored(api.post_bytes(PATH, body, content_type))


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "text/html"])
def test_another_type_is_not_read(api, session_id, content_type):
    body = json.dumps({"sessionId": session_id, "path": "/"}).encode()
    assert_error(api.post_bytes(PATH, body, content_type), 415)
    assert stored_page_views() == []


def test_a_body_over_the_limit_is_rejected(api):
    assert_error(api.post_bytes(PATH, b"x" * TOO_LONG, "text/html"), 413)


# Failures of storage


def test_a_failed_write_looks_like_a_dropped_page_view(api, session_id, monkeypatch):
    before = ingested_total("dropped", "write_failed")
    fail_writes(monkeypatch)
    assert_response(
        api.post(PATH, page_view_of(session_id)), 200, NO_ID, dropped_header("write_failed")
    )
    assert ingested_total("dropped", "write_failed") == before + 1
    assert stored_page_views() == []
    assert page_view_counts() == [(0, True, AT)]


def test_a_row_that_the_database_rejects_is_not_counted(api, session_id):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_pageview ADD CHECK (path <> 'refused') NOT VALID")
    assert_response(
        api.post(PATH, page_view_of(session_id, path="refused")),
        200,
        NO_ID,
        dropped_header("write_failed"),
    )
    assert page_view_counts() == [(0, True, AT)]
    assert_stored(api.post(PATH, page_view_of(session_id)))
    assert page_view_counts() == [(1, True, AT)]


def test_page_views_need_no_main_database(api, session_id, main_database_away):
    assert_stored(api.post(PATH, page_view_of(session_id)))
