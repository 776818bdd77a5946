"""GET /api/v1/events: parameters, methods, bodies and failures of storage"""

import json
import logging

import pytest
from django.db import OperationalError, connections

from tests.support.events import BAD_CURSOR, PATH, UNAVAILABLE, ids_of, page_body
from tests.support.responses import assert_error, assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NOT_FOUND = (404, "NOT_FOUND", "Website not found")
MISSING = (400, "MISSING_PARAMETER", "trackingCode query parameter is required")
FAILED = (500, "INTERNAL_SERVER_ERROR", "Failed to fetch events")


@pytest.mark.parametrize("query", ["", "trackingCode=", "trackingcode=pm-x", "cursor=abc&limit=1"])
def test_a_code_is_required(api, query):
    assert_error(api.get(f"{PATH}?{query}"), *MISSING)


@pytest.mark.parametrize(
    "code",
    [
        *("pm-nobody", "abc", "%00", "pm-%00", "%FF", "pm-%FF", "pm-%ED%A0%80", "%27 OR 1=1 --"),
        *("pm-" + "x" * 5000, "%F0%9F%98%80"),
    ],
    ids=lambda code: code[:30],
)
def test_an_unknown_tracking_code_is_not_found(api, website, code):
    assert_error(api.get(f"{PATH}?trackingCode={code}"), *NOT_FOUND)


@pytest.mark.parametrize("end", [lambda site: site.change(is_active=False), lambda s: s.delete()])
def test_a_website_that_ended_is_not_found(list_events, make_events, website, end):
    make_events(1)
    assert list_events().status_code == 200
    end(website)
    assert_error(list_events(), *NOT_FOUND)


def test_a_bad_cursor_comes_before_an_unknown_website(list_events):
    assert_response(list_events(trackingCode="pm-nobody", cursor="abc"), 400, BAD_CURSOR)


def test_authorization_is_ignored_while_reads_are_public(api, website):
    query, headers = {"trackingCode": website.tracking_code}, {"Authorization": "Bearer junk"}
    assert_response(api.get(PATH, query, headers=headers), 200, page_body(total=0))


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense"])
def test_the_list_is_json_whatever_is_requested(api, website, accept):
    query = {"trackingCode": website.tracking_code, "format": "xml"}
    assert_response(api.get(PATH, query, headers={"Accept": accept}), 200, page_body(total=0))


def test_head_has_no_body(api, website):
    response = api.head(PATH, {"trackingCode": website.tracking_code})
    assert (response.status_code, response.content) == (200, b"")
    assert response["Content-Type"] == "application/json"


def test_a_body_is_not_read(api, website):
    path = f"{PATH}?trackingCode={website.tracking_code}"
    response = api.generic("GET", path, json.dumps([]), "text/html")
    assert_response(response, 200, page_body(total=0))


def test_a_body_over_the_limit_is_rejected_all_the_same(api, website):
    path = f"{PATH}?trackingCode={website.tracking_code}"
    response = api.generic("GET", path, CONTENT_LENGTH="1048577")
    assert_error(response, 413, "PAYLOAD_TOO_LARGE", "Request body is too large")


def test_a_flood_of_parameters_is_a_bad_request(api, website):
    query = f"trackingCode={website.tracking_code}" + "&a=1" * 2000
    assert_error(api.get(f"{PATH}?{query}"), 400, "BAD_REQUEST", "Bad request")


def test_without_the_main_database_a_known_website_is_listed(list_events, make_events, request):
    ids = make_events(1)
    request.getfixturevalue("main_database_away")
    assert ids_of(list_events()) == ids


def test_without_the_main_database_an_unknown_website_is_unavailable(list_events, request):
    request.getfixturevalue("main_database_away")
    assert_response(list_events(), 503, UNAVAILABLE)


def test_without_the_analytics_database_the_list_is_unavailable(list_events):
    def refuse(*statement):
        raise OperationalError("the analytics database is away")

    with connections["analytics"].execute_wrapper(refuse):
        assert_response(list_events(), 503, UNAVAILABLE)


def test_a_crash_is_reported_without_details_and_logged(list_events, monkeypatch, caplog):
    def crash(*values):
        raise RuntimeError("a secret")

    monkeypatch.setattr("analytics.events.api.page_of", crash)
    with caplog.at_level(logging.ERROR):
        assert_error(list_events(), *FAILED)
    [record] = [each for each in caplog.records if each.name == "config.api.view"]
    assert str(record.exc_info[1]) == "a secret"
