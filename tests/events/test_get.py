"""GET /api/v1/events/:id"""

import logging

import pytest
from django.db import OperationalError, connections

from tests.support.events import (
    BATCH_PATH,
    ID,
    PATH,
    UNAVAILABLE,
    event_body,
    event_of,
    full_event_of,
)
from tests.support.responses import assert_error, assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NOT_FOUND = (404, "NOT_FOUND", "Event not found")
FAILED = (500, "INTERNAL_SERVER_ERROR", "Failed to fetch event")


@pytest.fixture
def event(api, website):
    """An event with the id ID, as its client sent it."""
    sent = full_event_of(website, id=ID)
    api.post(PATH, sent)
    return sent


@pytest.fixture
def read(api):
    return lambda id=ID, **more: api.get(f"{PATH}/{id}", **more)


@pytest.mark.parametrize("id", [ID, ID.upper()])
def test_an_event_is_returned_with_its_properties(read, website, event, id):
    body = event_body(event, website, id=ID) | {"properties": event["properties"]}
    assert len(body) == 13
    assert_response(read(id), 200, body)


@pytest.mark.parametrize("properties", [None, {}, {"a": {"b": [1, "é", None, 2.5]}}])
def test_properties_are_those_that_came(api, website, read, properties):
    api.post(PATH, event_of(website, id=ID, properties=properties))
    assert read().json()["properties"] == properties


def test_missing_fields_are_null(api, website, read):
    sent = event_of(website, id=ID)
    api.post(PATH, sent)
    assert_response(read(), 200, event_body(sent, website, id=ID) | {"properties": None})


def test_an_event_of_a_batch_is_returned(api, website, read):
    sent = full_event_of(website, id=ID)
    api.post(BATCH_PATH, {"events": [sent]})
    body = event_body(sent, website, id=ID) | {"properties": sent["properties"]}
    assert_response(read(), 200, body)


@pytest.mark.parametrize(
    "id",
    [
        "019c0630-fe00-70c8-aa3a-de3497964cb9",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ID.replace("-", ""),
        f"{{{ID}}}",
        *("abc", "%00", "%FF", "%0A", f"{ID}%0A", "%F0%9F%98%80", "x" * 5000, "' OR 1=1 --", "."),
    ],
    ids=lambda id: id[:40],
)
def test_another_id_is_not_found(read, event, id):
    assert_error(read(id), *NOT_FOUND)


@pytest.mark.parametrize("end", [lambda site: site.change(is_active=False), lambda s: s.delete()])
def test_an_event_of_a_website_that_ended_is_not_found(read, website, event, end):
    assert read().status_code == 200
    end(website)
    assert_error(read(), *NOT_FOUND)


@pytest.mark.parametrize("path", [f"{PATH}/", f"{PATH}/{ID}/", f"{PATH}/a/b"])
def test_another_path_is_unknown(api, event, path):
    assert_error(api.get(path), 404, "NOT_FOUND", "Route not found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_an_event_can_only_be_read(api, event, read, method):
    response = api.generic(method, f"{PATH}/{ID}", "{}", "application/json")
    expected = (405, "METHOD_NOT_ALLOWED", "Method not allowed")
    assert_error(response, *expected, {"Allow": "GET, HEAD"})
    assert read().status_code == 200


def test_the_path_of_batches_is_no_event(api, event):
    response = api.get(BATCH_PATH)
    assert_error(response, 405, "METHOD_NOT_ALLOWED", "Method not allowed", {"Allow": "POST"})


def test_head_has_no_body(api, event):
    response = api.head(f"{PATH}/{ID}")
    assert (response.status_code, response.content) == (200, b"")


def test_authorization_is_ignored_while_reads_are_public(read, event):
    assert read(headers={"Authorization": "Bearer junk"}).status_code == 200


def test_without_the_main_database_events_are_unavailable(read, event, request):
    request.getfixturevalue("main_database_away")
    assert_response(read(), 503, UNAVAILABLE)


def test_without_the_analytics_database_events_are_unavailable(read, event):
    def refuse(*statement):
        raise OperationalError("the analytics database is away")

    with connections["analytics"].execute_wrapper(refuse):
        assert_response(read(), 503, UNAVAILABLE)


def test_a_crash_is_reported_without_details_and_logged(read, event, monkeypatch, caplog):
    def crash(*values):
        raise RuntimeError("a secret")

    monkeypatch.setattr("analytics.events.api.FullEvent.from_attributes", crash)
    with caplog.at_level(logging.ERROR):
        assert_error(read(), *FAILED)
    [record] = [each for each in caplog.records if each.name == "config.api.view"]
    assert str(record.exc_info[1]) == "a secret"
