"""POST /api/v1/events: methods, paths, headers, bodies and failures of storage"""

import json
import logging
from uuid import UUID

import pytest
from django.db import OperationalError, connections

from analytics.ingest import commit
from tests.support.bodies import CountingBody
from tests.support.events import (
    AT_MS,
    ID,
    PATH,
    REJECTED,
    STORED,
    UNAVAILABLE,
    WRITE_FAILED,
    assert_rejected,
    event_body,
    event_of,
    expected_row,
    full_event_of,
    stored_rows,
)
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

METHODS = {"Allow": "GET, POST, HEAD"}
NO_SITE = {"error": "NOT_FOUND", "message": "Website with this tracking code not found"}
TOO_LARGE = {"error": "PAYLOAD_TOO_LARGE", "message": "Request body is too large"}
WRONG_TYPE = {"error": "UNSUPPORTED_MEDIA_TYPE", "message": "Unsupported media type"}
FAILED = {"error": "INTERNAL_SERVER_ERROR", "message": "Failed to create event"}
NO_ROUTE = {"error": "NOT_FOUND", "message": "Route not found"}


def filled_to(size, event):
    """Return an event as JSON of so many bytes, with an unknown key as filling."""
    body = json.dumps(event | {"filling": ""}).encode()
    return body.replace(b'"filling": ""', b'"filling": "%s"' % (b"x" * (size - len(body))))


# Methods, paths and headers


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "JSON", "X"])
def test_another_method_is_rejected(api, website, method):
    response = api.generic(method, PATH, json.dumps(event_of(website)), "application/json")
    body = {"error": "METHOD_NOT_ALLOWED", "message": "Method not allowed"}
    assert_response(response, 405, body, METHODS)
    assert stored_rows() == []


@pytest.mark.parametrize(
    "path", ["/api/v1/events/", "/API/V1/EVENTS", "//api/v1/events", "/api/v2/events", "/nothing"]
)
def test_another_path_is_unknown(api, website, path):
    response = api.post(PATH, event_of(website), PATH_INFO=path)
    assert (response.status_code, response.json()) == (404, NO_ROUTE)
    assert response["Content-Type"] == "application/json"
    assert "X-Event-Outcome" not in response
    assert stored_rows() == []


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"Accept": "text/html"}),
        ("", {"Accept": "application/xml"}),
        ("?format=xml", {}),
        ("?format=api", {}),
        ("", {"X-HTTP-Method-Override": "DELETE"}),
    ],
)
def test_the_response_is_json_whatever_is_requested(api, website, query, headers):
    sent = full_event_of(website)
    response = api.post(PATH + query, sent, headers=headers)
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id), STORED)


def test_a_host_that_is_not_served_is_rejected(api, website):
    response = api.post(PATH, event_of(website), headers={"Host": "evil.example"})
    body = {"error": "BAD_REQUEST", "message": "Bad request"}
    assert_rejected(response, 400, body)


def test_the_id_of_a_request_is_the_servers_own(api, website):
    responses = [
        api.post(PATH, event_of(website), headers={"X-Request-Id": "chosen-by-client"})
        for _ in "ab"
    ]
    first, second = (UUID(response["X-Request-Id"]) for response in responses)
    assert first != second


# Bodies


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "APPLICATION/JSON ; charset=latin1"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "text/plain;charset=UTF-8"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "Application/x-www-form-urlencoded; charset=UTF-8"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "identity"},
    ],
)
def test_json_is_read_as_utf_8_under_these_types(api, website, headers):
    sent = full_event_of(website, location="Köln")
    body = json.dumps(sent, ensure_ascii=False).encode()
    response = api.post_bytes(PATH, body, content_type=headers["Content-Type"], headers=headers)
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id), STORED)
    assert stored_rows() == [expected_row(sent, website, id=id)]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "text/html"},
        {"Content-Type": "nonsense"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "text/plain", "Content-Encoding": "br"},
    ],
)
def test_another_type_or_encoding_is_not_read(api, website, headers):
    body = json.dumps(event_of(website)).encode()
    response = api.post_bytes(PATH, body, content_type=headers["Content-Type"], headers=headers)
    assert_rejected(response, 415, WRONG_TYPE)


def test_a_byte_order_mark_is_skipped(api, website):
    body = json.dumps(event_of(website)).encode("utf-8-sig")
    assert api.post_bytes(PATH, body).status_code == 201
    assert len(stored_rows()) == 1


@pytest.mark.parametrize(("size", "status"), [(1_048_575, 201), (1_048_576, 201), (1_048_577, 413)])
def test_a_body_may_have_a_mebibyte(api, website, size, status):
    body = filled_to(size, event_of(website))
    assert len(body) == size
    response = api.post_bytes(PATH, body)
    assert response.status_code == status
    assert len(stored_rows()) == (status == 201)


def test_a_content_length_over_the_limit_is_rejected_unread(api, website):
    stream = CountingBody(filled_to(1_048_577, event_of(website)))
    environ = {"CONTENT_LENGTH": "1048577", "wsgi.input": stream}
    response = api.post_bytes(PATH, b"", **environ)
    assert_rejected(response, 413, TOO_LARGE)
    assert stream.bytes_read == 0


@pytest.mark.parametrize("size", [200, 1_048_576])
def test_a_body_without_a_length_is_read(api, website, size):
    sent = event_of(website, timestamp=AT_MS)
    response = api.post_chunked(PATH, CountingBody(filled_to(size, sent)))
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id), STORED)
    assert stored_rows() == [expected_row(sent, website, id=id)]


@pytest.mark.parametrize("size", [1_048_577, 5_242_880])
def test_a_body_without_a_length_is_read_no_further_than_the_limit(api, website, size):
    stream = CountingBody(filled_to(size, event_of(website)))
    assert_rejected(api.post_chunked(PATH, stream), 413, TOO_LARGE)
    assert stream.bytes_read == 1_048_577


# The order of checks


@pytest.mark.parametrize(
    ("method", "body", "content_type", "status"),
    [
        ("PUT", b"x" * 1_048_577, "text/html", 405),
        ("POST", b"x" * 1_048_577, "text/html", 413),
        ("POST", b"{", "text/html", 415),
        ("POST", b"{", "application/json", 400),
        ("POST", b'{"trackingCode": "pm-nobody"}', "application/json", 400),
    ],
)
def test_checks_come_in_their_order(api, website, method, body, content_type, status):
    assert api.generic(method, PATH, body, content_type).status_code == status
    assert stored_rows() == []


def test_the_website_comes_before_the_duplicate(api, website):
    api.post(PATH, event_of(website, id=ID))
    response = api.post(PATH, event_of(website, id=ID, trackingCode="pm-nobody"))
    assert_response(response, 404, NO_SITE, REJECTED)


# Failures of storage


def test_without_the_analytics_database_storage_is_unavailable(api, website, monkeypatch):
    def refuse(table, rows):
        raise OperationalError("the analytics database is away")

    monkeypatch.setattr(commit, "copy_rows", refuse)
    assert_response(api.post(PATH, event_of(website)), 503, UNAVAILABLE, WRITE_FAILED)
    monkeypatch.undo()
    assert stored_rows() == []


def test_a_cached_website_accepts_events_without_the_main_database(api, website, request):
    api.post(PATH, event_of(website))
    request.getfixturevalue("main_database_away")
    sent = event_of(website, timestamp=AT_MS)
    response = api.post(PATH, sent)
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id), STORED)
    assert len(stored_rows()) == 2


def test_an_uncached_website_accepts_none_without_the_main_database(api, website, request):
    request.getfixturevalue("main_database_away")
    assert_response(api.post(PATH, event_of(website)), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored_rows() == []


def test_a_crash_is_reported_without_details_and_logged(api, website, monkeypatch, caplog):
    def crash(*rows):
        raise RuntimeError("a secret")

    monkeypatch.setattr("analytics.events.api.store", crash)
    with caplog.at_level(logging.ERROR):
        response = api.post(PATH, event_of(website))
    assert_response(response, 500, FAILED, WRITE_FAILED)
    [record] = [each for each in caplog.records if each.name == "config.api.view"]
    assert record.exc_info
    assert str(record.exc_info[1]) == "a secret"
    assert stored_rows() == []


def test_a_row_that_the_database_rejects_is_an_internal_error(api, website):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_event ADD CHECK (session_id <> 'refused') NOT VALID")
    assert_response(
        api.post(PATH, event_of(website, sessionId="refused")), 500, FAILED, WRITE_FAILED
    )
    assert api.post(PATH, event_of(website)).status_code == 201
    assert [event["session_id"] for event in stored_rows()] == ["sess-1"]
