"""The dashboard: methods, callers, parameters and failures of storage"""

import logging

import pytest

from analytics.dashboard import queries
from config.api.openapi.document import document
from config.db import uuid7
from tests.support.dashboard import DAY_MS, PATHS, devices_body, metrics_body, rows_body
from tests.support.databases import connect_to_analytics
from tests.support.responses import assert_error, assert_response
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

MISSING = {"error": "websiteId is required"}
NOT_YOURS = {"error": "Unauthorized access to website"}
UNAVAILABLE = {"error": "Event storage is unavailable"}
FAILED = {
    "metrics": "Failed to fetch metrics",
    "pageviews": "Failed to fetch pageview data",
    "top-pages": "Failed to fetch top pages",
    "referrers": "Failed to fetch referrer data",
    "devices": "Failed to fetch device statistics",
}
FUNCTIONS = {
    "metrics": "metrics",
    "pageviews": "page_views",
    "top-pages": "top_pages",
    "referrers": "referrers",
    "devices": "devices",
}
NAMES = pytest.mark.parametrize("name", PATHS)


@NAMES
def test_only_get_is_allowed_and_that_comes_first(api, name):
    for method in ("post", "put", "patch", "delete"):
        response = getattr(api, method)(PATHS[name])
        expected = (405, "METHOD_NOT_ALLOWED", "Method not allowed")
        assert_error(response, *expected, headers={"Allow": "GET, HEAD"})


@NAMES
def test_a_token_is_needed_before_a_website(api, name):
    no_header = (401, "UNAUTHORIZED", "Missing or invalid authorization header")
    assert_error(api.get(PATHS[name]), *no_header)
    bad_token = (401, "UNAUTHORIZED", "Invalid or expired token")
    assert_error(api.get(PATHS[name], token="junk"), *bad_token)


@NAMES
@pytest.mark.parametrize(
    "query", ["", "websiteId=", "websiteid=x", "days=x", "websiteId=x&websiteId="]
)
def test_a_website_is_required(api, token, name, query):
    assert_response(api.get(f"{PATHS[name]}?{query}", token=token), 400, MISSING)


@NAMES
@pytest.mark.parametrize(
    "id",
    [
        *("abc", " ", "0", "null", "%00", "%FF", "%ED%A0%80", "x" * 5000, "' OR 1=1 --"),
        *("019c04280ea07bae841b02c41ed0fd8a", "{019c0428-0ea0-7bae-841b-02c41ed0fd8a}"),
        "019c0428-0ea0-7bae-841b-02c41ed0fd8a",
    ],
    ids=lambda id: id[:20],
)
def test_a_website_must_exist(api, token, name, id):
    assert_response(api.get(f"{PATHS[name]}?websiteId={id}", token=token), 403, NOT_YOURS)


@NAMES
def test_a_website_must_be_the_callers(ask, make_user, name):
    stranger = make_user("stranger@example.com", is_staff=True, is_superuser=True)
    assert_response(ask(name, as_token=tokens.issue(stranger).access), 403, NOT_YOURS)
    assert ask(name).status_code == 200


@NAMES
def test_a_deleted_website_is_unknown(ask, website, name):
    id = str(website.id)
    website.delete()
    assert_response(ask(name, websiteId=id), 403, NOT_YOURS)


def test_the_owner_still_sees_an_inactive_website(ask, store, website):
    store((1, {}))
    website.change(is_active=False)
    assert_response(ask("devices"), 200, devices_body(other=1))


def test_the_id_may_come_in_upper_case(ask, website):
    assert_response(ask("metrics", websiteId=str(website.id).upper()), 200, metrics_body(website))


def test_events_of_other_websites_do_not_count(ask, store, website):
    store((1, {"website_id": uuid7.new_id_now()}))
    assert_response(ask("metrics"), 200, metrics_body(website))
    assert_response(ask("devices"), 200, devices_body())
    for name in ("pageviews", "top-pages", "referrers"):
        assert_response(ask(name), 200, rows_body(total=0))


@pytest.mark.parametrize(
    ("sent", "applied"),
    [
        *(("1", 1), ("30", 30), ("007", 7), ("3650", 3650), ("3651", 3650), ("9" * 5000, 3650)),
        *(("0", 1), ("-0", 1), ("-1", 1), ("-" + "9" * 5000, 1)),
        *(("", 7), ("abc", 7), ("2.5", 7), ("2.0", 7), ("1e3", 7), ("0x10", 7), ("+3", 7)),
        *((" 3", 7), ("3\n", 7), ("٣", 7), ("\0", 7), ("null", 7), ("Infinity", 7), ("--3", 7)),
    ],
    ids=lambda value: repr(value)[:10],
)
def test_days_are_brought_into_their_range(ask, store, website, sent, applied):
    store(((applied * DAY_MS), {}), (applied * DAY_MS + 1, {}))
    expected = metrics_body(
        website,
        days=applied,
        **dict.fromkeys(("pageViews", "uniqueVisitors", "sessions"), 1),
        bounceRate=100,
    )
    assert_response(ask("metrics", days=sent), 200, expected)


def test_without_days_they_are_7(ask, website):
    assert_response(ask("metrics"), 200, metrics_body(website, days=7))


@pytest.mark.parametrize("name", ["top-pages", "referrers"])
@pytest.mark.parametrize(
    ("sent", "applied"),
    [
        *(("1", 1), ("12", 12), ("1000", 13), ("1001", 13), ("9" * 5000, 13)),
        *(("0", 1), ("-5", 1), ("", 10), ("abc", 10), ("2.0", 10)),
    ],
    ids=lambda value: repr(value)[:10],
)
def test_a_limit_is_brought_into_its_range(ask, store, name, sent, applied):
    urls = [f"https://{n}.example/" for n in range(13)]
    store(*((1, {"url": url, "referrer": url}) for url in urls))
    body = ask(name, limit=sent).json()
    assert (len(body["data"]), body["total"]) == (applied, applied)
    assert ask(name).json()["total"] == 10


def test_of_a_repeated_parameter_the_last_one_counts(api, token, website):
    query = f"websiteId=x&days=3&days=4&websiteId={website.id}"
    response = api.get(f"{PATHS['metrics']}?{query}", token=token)
    assert_response(response, 200, metrics_body(website, days=4))


@NAMES
def test_head_has_no_body(api, website, token, name):
    response = api.head(PATHS[name], {"websiteId": str(website.id)}, token=token)
    assert (response.status_code, response.content) == (200, b"")


@NAMES
def test_a_body_over_the_limit_is_rejected(api, token, name):
    response = api.generic("GET", PATHS[name], token=token, CONTENT_LENGTH="1048577")
    assert_error(response, 413, "PAYLOAD_TOO_LARGE", "Request body is too large")


@NAMES
def test_a_flood_of_parameters_is_a_bad_request(api, token, name):
    response = api.get(f"{PATHS[name]}?websiteId=x" + "&a=1" * 2000, token=token)
    assert_error(response, 400, "BAD_REQUEST", "Bad request")


@NAMES
def test_without_a_database_the_dashboard_is_unavailable(ask, name, analytics_away):
    assert_response(ask(name), 503, UNAVAILABLE)


@NAMES
def test_without_the_main_database_the_dashboard_is_unavailable(ask, name, main_database_away):
    assert_response(ask(name), 503, UNAVAILABLE)


@NAMES
def test_a_statement_that_takes_too_long_is_given_up(ask, name, monkeypatch):
    monkeypatch.setattr(queries, "MAX_SECONDS", 0.1)
    with connect_to_analytics() as other:  # holds the table, so that no read can end by itself
        other.execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")
        response = ask(name)
        other.rollback()
    assert_response(response, 503, UNAVAILABLE)


def test_the_limit_of_a_statement_is_5_seconds():
    assert queries.MAX_SECONDS == 5


@NAMES
def test_a_crash_is_reported_without_details_and_logged(ask, name, monkeypatch, caplog):
    def crash(*values):
        raise RuntimeError("a secret")

    monkeypatch.setattr(queries, FUNCTIONS[name], crash)
    with caplog.at_level(logging.ERROR):
        assert_response(ask(name), 500, {"error": FAILED[name]})
    [record] = [each for each in caplog.records if each.name == "config.api.view"]
    assert str(record.exc_info[1]) == "a secret"


@NAMES
def test_it_is_described_with_examples_of_each_answer(name):
    operation = document()["paths"][PATHS[name]]["get"]
    parameters = {each["name"]: each for each in operation["parameters"]}
    assert parameters["websiteId"]["required"]
    limits = {"type": "integer", "minimum": 1}
    assert parameters["days"]["schema"] == limits | {"maximum": 3650, "default": 7}
    if name in ("top-pages", "referrers"):
        assert parameters["limit"]["schema"] == limits | {"maximum": 1000, "default": 10}
    else:
        assert "limit" not in parameters
    shown = [
        example["value"]
        for response in operation["responses"].values()
        for example in response["content"]["application/json"]["examples"].values()
    ]
    failures = [MISSING, NOT_YOURS, {"error": FAILED[name]}, UNAVAILABLE]
    assert [body for body in failures if body not in shown] == []
    assert operation["tags"] == ["dashboard"]
