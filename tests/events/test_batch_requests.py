"""POST /api/v1/events/batch: invalid batches, methods, bodies and failures of storage"""

import json
import logging

import pytest
from django.db import OperationalError, connections

from analytics.ingest import commit
from tests.support.events import (
    AT_MS,
    BATCH_PATH,
    STORED,
    UNAVAILABLE,
    WRITE_FAILED,
    assert_rejected,
    batch_item,
    event_of,
    ids_of,
    partial_body,
    stored_rows,
    validation_body,
)
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

FAILED = {"error": "INTERNAL_SERVER_ERROR", "message": "Failed to create batch events"}


def invalid_batch(**details):
    return validation_body(message="Invalid batch event data", **details)


# Invalid batches


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Required"),
        ({"event": []}, "Required"),
        ({"events": None}, "Expected array, received null"),
        ({"events": "x"}, "Expected array, received string"),
        ({"events": {}}, "Expected array, received object"),
        ({"events": []}, "At least one event is required"),
        ({"events": [{}] * 1001}, "Array must contain at most 1000 element(s)"),
        ({"events": [None] * 5000}, "Array must contain at most 1000 element(s)"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_events_must_be_a_list_of_one_to_a_thousand(api, website, body, message):
    response = api.post(BATCH_PATH, body)
    assert_rejected(response, 400, invalid_batch(fields={"events": [message]}))


def test_an_empty_body_lacks_events(api):
    result = invalid_batch(fields={"events": ["Required"]})
    assert_rejected(api.post_bytes(BATCH_PATH, b""), 400, result)


# Methods, types and sizes


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_post_is_allowed(api, website, method):
    body = json.dumps({"events": [event_of(website)]})
    response = api.generic(method, BATCH_PATH, body, "application/json")
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "X-Event-Outcome" not in response
    if method != "HEAD":
        expected = {"error": "METHOD_NOT_ALLOWED", "message": "Method not allowed"}
        assert response.json() == expected
    assert stored_rows() == []


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("text/plain;charset=UTF-8", 201),
        ("", 201),
        ("application/x-www-form-urlencoded", 201),
        ("multipart/form-data; boundary=x", 415),
    ],
)
def test_types_are_those_of_a_public_route(api, website, content_type, status):
    body = json.dumps({"events": [event_of(website)]})
    assert api.post_bytes(BATCH_PATH, body, content_type).status_code == status
    assert len(stored_rows()) == (status == 201)


@pytest.mark.parametrize(("size", "status"), [(4_194_304, 201), (4_194_305, 413)])
def test_a_body_may_have_four_mebibytes(api, website, size, status):
    body = json.dumps({"events": [event_of(website)], "filling": ""})
    body = body.replace('"filling": ""', f'"filling": "{"x" * (size - len(body))}"')
    assert len(body) == size
    assert api.post_bytes(BATCH_PATH, body).status_code == status
    assert len(stored_rows()) == (status == 201)


# Failures of storage


def test_without_the_analytics_database_nothing_is_stored(batch, website, monkeypatch):
    def refuse(table, rows):
        raise OperationalError("the analytics database is away")

    with monkeypatch.context() as patch:
        patch.setattr(commit, "copy_rows", refuse)
        response = batch(event_of(website), event_of(website))
    assert_response(response, 503, UNAVAILABLE, WRITE_FAILED)
    assert stored_rows() == []


def test_without_the_main_database_no_website_is_known(batch, website, request):
    request.getfixturevalue("main_database_away")
    assert_response(batch(event_of(website)), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored_rows() == []


def test_a_crash_is_reported_without_details_and_logged(batch, website, monkeypatch, caplog):
    def crash(*rows):
        raise RuntimeError("a secret")

    monkeypatch.setattr("analytics.events.api.store_batch", crash)
    with caplog.at_level(logging.ERROR):
        response = batch(event_of(website))
    assert_response(response, 500, FAILED, WRITE_FAILED)
    [record] = [each for each in caplog.records if each.name == "config.api.view"]
    assert record.exc_info
    assert str(record.exc_info[1]) == "a secret"


@pytest.mark.parametrize("place", [0, 1, 499, 999])
def test_a_row_that_the_database_rejects_fails_alone(batch, website, place):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_event ADD CHECK (session_id <> 'refused') NOT VALID")
    events = [event_of(website, timestamp=AT_MS) for _ in range(1000)]
    events[place]["sessionId"] = "refused"
    response = batch(*events)
    good = [batch_item(events[0], website, id=id) for id in ids_of(response)]
    refused = (place, "PROCESSING_ERROR", "Event could not be stored")
    assert_response(response, 207, partial_body(good, [refused]), STORED)
    assert [str(event["id"]) for event in reversed(stored_rows())] == ids_of(response)
    assert len(good) == 999
