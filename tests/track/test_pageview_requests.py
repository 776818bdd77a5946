"""POST /api/v1/analytics/pageview: invalid fields, methods, bodies, the rate limit and failures"""

import json
from typing import Any

import pytest
from django.db import connections

from analytics.sessions.models import PageView, Session
from tests.support.responses import assert_answer
from tests.support.sessions import (
    AT,
    NO_ID,
    TOO_LONG,
    UNKNOWN_ID,
    assert_error,
    assert_rate_limited,
    assert_stored,
    counted,
    dropped,
    session_of,
    take_storage_away,
)
from tests.support.sessions import PAGE_VIEW as PATH
from tests.support.sessions import SESSION as SESSIONS

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LINK = "11111111-2222-1333-8444-555555555555"
OPTIONAL_TEXTS = ["title", "referrer"]
IDS = ["bioPageId", "linkClicked"]
NO_TEXTS: list[Any] = [None, 5, True, ["a"], {}]


@pytest.fixture
def session(api, clock):
    """The id of a session that began at AT."""
    clock.set(AT)
    return str(assert_stored(api.post(SESSIONS, session_of())))


def post(api, session, **fields):
    return api.post(PATH, {"sessionId": session, "path": "/johndoe"} | fields)


def stored():
    """Return the rows of all page views, the newest first, each a value for every column."""
    return list(PageView.objects.newest_first().values())


def counts():
    """Return what the sessions know of their page views."""
    return list(Session.objects.values_list("page_views", "bounced", "last_active_at"))


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
def test_each_failing_field_is_told(api, session, change, details):
    assert_error(post(api, session, **change), 400, *details)
    assert stored() == []


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
        (rb'{"ignored": "\udc00\ud800"}', "Lone surrogates are not allowed"),
    ],
)
def test_json_problems_are_told(api, body, detail):
    assert_error(api.post_bytes(PATH, body), 400, detail)


# Methods, types, sizes


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_refused(api, method):
    assert_error(api.generic(method, PATH), 405, headers={"Allow": "POST"})


@pytest.mark.parametrize("path", [f"{PATH}/", f"{PATH}/{UNKNOWN_ID}", f"{PATH}/x/y/leave"])
def test_another_path_is_unknown(api, session, path):
    assert_error(api.post(path, {"sessionId": session, "path": "/"}), 404)
    assert stored() == []


def test_json_is_read_as_text(api, session):
    body = json.dumps({"sessionId": session, "path": "/"}).encode()
    assert_stored(api.post_bytes(PATH, body, "text/plain;charset=UTF-8"))


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/html"])
def test_another_type_is_not_read(api, session, content_type):
    body = json.dumps({"sessionId": session, "path": "/"}).encode()
    assert_error(api.post_bytes(PATH, body, content_type), 415)
    assert stored() == []


def test_a_body_over_the_limit_is_refused(api):
    assert_error(api.post_bytes(PATH, b"x" * TOO_LONG, "text/html"), 413)


# How often


@pytest.mark.usefixtures("clock")
def test_the_thirty_first_of_a_minute_is_refused(api, session):
    for _ in range(10):
        assert post(api, UNKNOWN_ID).status_code == 200
        assert post(api, session).status_code == 200
        assert post(api, 5).status_code == 400
    response = post(api, session)
    assert 1 <= int(response["Retry-After"]) <= 60
    assert_rate_limited(response, int(response["Retry-After"]))
    assert len(stored()) == 10


# When storage fails


def test_a_failed_write_looks_like_a_dropped_page_view(api, session, monkeypatch):
    before = counted("dropped", "write_failed")
    take_storage_away(monkeypatch)
    assert_answer(post(api, session), 200, NO_ID, dropped("write_failed"))
    assert counted("dropped", "write_failed") == before + 1
    assert stored() == []
    assert counts() == [(0, True, AT)]


def test_a_row_that_the_database_refuses_counts_nowhere(api, session):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_pageview ADD CHECK (path <> 'refused') NOT VALID")
    assert_answer(post(api, session, path="refused"), 200, NO_ID, dropped("write_failed"))
    assert counts() == [(0, True, AT)]
    assert_stored(post(api, session))
    assert counts() == [(1, True, AT)]


def test_page_views_need_no_main_database(api, session, main_database_away):
    assert_stored(post(api, session))
