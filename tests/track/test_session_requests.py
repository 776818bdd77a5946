"""POST /api/v1/analytics/session: invalid fields, methods, bodies, the rate limit and failures"""

import json
import logging

import pytest
from django.db import OperationalError, connections

from analytics.ingest import commit
from tests.support.responses import assert_response
from tests.support.session_rows import stored_sessions
from tests.support.sessions import (
    BIO_PAGE,
    NO_ID,
    SECRET,
    TOO_LONG,
    assert_error,
    assert_stored,
    dropped_header,
    fail_writes,
    session_of,
)
from tests.support.sessions import SESSION as PATH

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NO_NUMBER = "{} must be a number conforming to the specified constraints"
TEXTS = [
    *("consentAnalytics", "trackingToken", "referrer", "landingPage", "device", "browser", "os"),
    *("osVersion", "timezone", "language"),
    *("utmSource", "utmMedium", "utmCampaign", "utmTerm", "utmContent"),
]


@pytest.fixture(autouse=True)
def _secret(settings):
    settings.TRACKING_HMAC_SECRET = SECRET


# Fields


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"visitorId": None}, ["visitorId must be a string"]),
        ({"visitorId": 5}, ["visitorId must be a string"]),
        ({"visitorId": ["a"]}, ["visitorId must be a string"]),
        ({"visitorId": ""}, ["visitorId should not be empty"]),
        ({"visitorId": "", "os": 5}, ["visitorId should not be empty", "os must be a string"]),
        *(({name: 5}, [f"{name} must be a string"]) for name in TEXTS),
        *(({name: {}}, [f"{name} must be a string"]) for name in TEXTS),
        ({"consentAnalytics": True}, ["consentAnalytics must be a string"]),
        ({"bioPageId": "zz"}, ["bioPageId must be a UUID"]),
        ({"bioPageId": ""}, ["bioPageId must be a UUID"]),
        ({"bioPageId": 5}, ["bioPageId must be a UUID"]),
        ({"bioPageId": BIO_PAGE.replace("-", "")}, ["bioPageId must be a UUID"]),
        ({"bioPageId": f"{{{BIO_PAGE}}}"}, ["bioPageId must be a UUID"]),
        ({"bioPageId": f"{BIO_PAGE}\n"}, ["bioPageId must be a UUID"]),
        ({"screenWidth": "1920"}, [NO_NUMBER.format("screenWidth")]),
        ({"screenWidth": True}, [NO_NUMBER.format("screenWidth")]),
        ({"screenHeight": {}}, [NO_NUMBER.format("screenHeight")]),
        (
            {"screenHeight": [], "os": 5, "bioPageId": 5, "visitorId": False},
            [
                "visitorId must be a string",
                "bioPageId must be a UUID",
                "os must be a string",
                NO_NUMBER.format("screenHeight"),
            ],
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_invalid_field_is_reported(api, change, details):
    assert_error(api.post(PATH, session_of(**change)), 400, *details)
    assert stored_sessions() == []


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_empty_body_lacks_the_visitor(api, body):
    response = api.post_bytes(PATH, body)
    assert_error(response, 400, "visitorId must be a string")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"[1]", "body must be an object"),
        (b"null", "body must be an object"),
        (b" ", "Invalid JSON"),
        (b'{"visitorId": ', "Invalid JSON"),
        (b'{"visitorId": "\xff"}', "Invalid UTF-8"),
        (b'{"visitorId": NaN}', "Numbers must be finite and in range"),
        (rb'{"visitorId": "a\u0000"}', "NUL characters are not allowed"),
        (b"[" * 100_000, "JSON must not be nested deeper than 64 levels"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_invalid_json_is_reported(api, body, detail):
    assert_error(api.post_bytes(PATH, body), 400, detail)
    assert stored_sessions() == []


# Methods, types, sizes


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_rejected(api, method):
    body = json.dumps(session_of()).encode()
    response = api.generic(method, PATH, body, "application/json")
    assert_error(response, 405, headers={"Allow": "POST"})
    assert stored_sessions() == []


def test_another_path_is_unknown(api):
    assert_error(api.post(f"{PATH}/", session_of()), 404)
    assert_error(api.post(f"{PATH}s", session_of()), 404)


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "application/json; charset=latin1", "TEXT/plain"),
        "application/x-www-form-urlencoded",
    ],
)
def test_json_is_read_under_these_types(api, content_type):
    body = json.dumps(session_of(utmTerm="Köln"), ensure_ascii=False).encode()
    assert_stored(api.post_bytes(PATH, b"\xef\xbb\xbf" + body, content_type))
    assert stored_sessions()[0]["utm_term"] == "Köln"


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("multipart/form-data; boundary=x", "identity"),
        ("text/html", "identity"),
        ("application/json", "gzip"),
        ("text/plain", "br"),
    ],
)
def test_another_type_or_encoding_is_not_read(api, content_type, encoding):
    body = json.dumps(session_of()).encode()
    headers = {"Content-Encoding": encoding}
    assert_error(api.post_bytes(PATH, body, content_type, headers=headers), 415)
    assert stored_sessions() == []


def test_a_body_over_the_limit_is_rejected(api):
    assert_error(api.post_bytes(PATH, b"x" * TOO_LONG, "text/html"), 413)


# Failures of storage


def test_a_failed_write_looks_like_a_dropped_session(api, monkeypatch, caplog):
    fail_writes(monkeypatch)
    with caplog.at_level(logging.WARNING):
        response = api.post(PATH, session_of())
    assert_response(response, 200, NO_ID, dropped_header("write_failed"))
    assert caplog.messages[-1] == "Event not stored: StorageUnavailable"
    monkeypatch.undo()
    assert stored_sessions() == []


def test_a_row_that_the_database_rejects_looks_the_same(api):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_session ADD CHECK (os <> 'refused') NOT VALID")
    response = api.post(PATH, session_of(os="refused"))
    assert_response(response, 200, NO_ID, dropped_header("write_failed"))
    assert_stored(api.post(PATH, session_of(os="accepted")))
    assert [session["os"] for session in stored_sessions()] == ["accepted"]


def test_sessions_need_no_main_database(api, main_database_away):
    assert_stored(api.post(PATH, session_of()))


def test_a_crash_is_reported_without_details(api, monkeypatch):
    def crash(*args):
        raise RuntimeError("a secret")

    monkeypatch.setattr("analytics.sessions.ingest.session_row", crash)
    assert_error(api.post(PATH, session_of()), 500)


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_a_failure_in_the_writers_thread_is_reported(api, monkeypatch):
    def refuse(table, rows):
        raise OperationalError("the analytics database is away")

    monkeypatch.setattr(commit, "copy_rows", refuse)
    assert_response(api.post(PATH, session_of()), 200, NO_ID, dropped_header("write_failed"))
    monkeypatch.undo()
    assert_stored(api.post(PATH, session_of()))
    assert len(stored_sessions()) == 1
