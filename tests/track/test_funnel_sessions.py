"""POST /api/v1/analytics/track with the session of a browser in place of a token"""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connections
from django.utils import timezone

from analytics.ingest import background
from config.api.addresses import parse_networks
from tests.support.activity import row_of
from tests.support.api import Api
from tests.support.collect import log_in
from tests.support.databases import failing
from tests.support.funnel import (
    FULL_EVENT,
    PATH,
    STORED,
    TRACKED,
    WRITE_FAILED,
    assert_conflict,
    assert_invalid,
    stored_rows,
    tracked_total,
)
from tests.support.keys import DUPLICATE, header
from tests.support.responses import assert_response
from tests.support.runtime_settings import change_settings
from tests.support.sessions import assert_error, assert_rate_limited
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

STORED_EVENT = (FULL_EVENT["sessionId"], FULL_EVENT["event"], FULL_EVENT["properties"])
ORIGIN = "http://testserver"


@pytest.fixture
def browser(api, user):
    """A client that is logged in as the user."""
    log_in(api)
    return api


def assert_refused(response):
    """Demand the 401 of a request without a session, and no row."""
    assert_error(response, 401)
    assert stored_rows() == []


# Who may call


def test_the_user_is_that_of_the_session(browser, user):
    before = tracked_total()
    assert_response(browser.post(PATH, FULL_EVENT), 200, TRACKED, STORED)
    assert stored_rows() == [(user.id, *STORED_EVENT)]
    assert tracked_total() == before + 1


@pytest.mark.parametrize("name", ["user_id", "userId", "user"])
def test_the_user_is_never_that_of_the_body(browser, user, make_user, name):
    stranger = make_user("stranger@example.com")
    response = browser.post(PATH, FULL_EVENT | {name: str(stranger.id)})
    assert_response(response, 200, TRACKED, STORED)
    assert stored_rows() == [(user.id, *STORED_EVENT)]


def test_the_session_of_the_admin_is_one(staff_api):
    response = staff_api.post(PATH, FULL_EVENT, content_type="application/json")
    assert_response(response, 200, TRACKED, STORED)


@pytest.mark.parametrize("key", [None, "", "x", "a" * 32, "é" * 32, "a" * 5000, r"aaaaaaaa\000"])
def test_an_unknown_session_is_rejected(browser, key):
    headers = {} if key is None else {"Cookie": f'sessionid="{key}"'}
    assert_refused(Api().post(PATH, FULL_EVENT, headers=headers))


def test_an_expired_session_is_rejected(browser):
    assert_invalid(browser.post(PATH, {}), "event must be a string")
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert_refused(browser.post(PATH, FULL_EVENT))


def test_after_logout_events_are_rejected(browser):
    key = browser.cookies["sessionid"].value
    browser.delete("/api/v1/auth/session")
    assert_refused(browser.post(PATH, FULL_EVENT))
    assert_refused(browser.post(PATH, FULL_EVENT, headers={"Cookie": f"sessionid={key}"}))


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "another"}])
def test_without_its_user_a_session_is_rejected_at_once(browser, user, change):
    assert_invalid(browser.post(PATH, {}), "event must be a string")
    type(user).objects.update(**change)
    assert_refused(browser.post(PATH, FULL_EVENT))


def test_the_session_of_a_deleted_user_is_rejected(browser, user):
    user.delete()
    assert_refused(browser.post(PATH, FULL_EVENT))


# Beside a token


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic eDp5", "x"])
def test_beside_another_header_a_session_does_not_count(browser, authorization):
    assert_refused(browser.post(PATH, FULL_EVENT, headers={"Authorization": authorization}))


def test_beside_an_invalid_token_a_session_does_not_count(browser):
    response = browser.post(PATH, FULL_EVENT, token="junk")
    assert_error(response, 401, message="Invalid or expired token")
    assert stored_rows() == []


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}])
def test_beside_a_session_a_token_counts(browser, make_user, headers):
    other = make_user("other@example.com")
    token = tokens.issue(other).access
    response = browser.post(PATH, FULL_EVENT, token=token, headers=headers)
    assert_response(response, 200, TRACKED, STORED)
    assert stored_rows() == [(other.id, *STORED_EVENT)]


# Pages of other sites


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://testserver"},
        {"Origin": "http://testserver:8000"},
        {"Origin": "http://sub.testserver"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Origin": "https://testserver", "X-Forwarded-Proto": "https"},
        {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"},
    ],
)
def test_other_sites_are_rejected_whatever_the_session(browser, settings, headers):
    settings.ALLOWED_HOSTS = ["testserver", "evil.example"]
    assert_refused(browser.post(PATH, b"{", headers=headers))
    assert_refused(Api().post(PATH, FULL_EVENT, headers=headers))


def test_a_listed_origin_needs_a_token(browser, settings):
    settings.CORS_ALLOWED_ORIGINS = frozenset({"https://app.example"})
    response = browser.post(PATH, FULL_EVENT, headers={"Origin": "https://app.example"})
    assert_error(response, 401, headers={"Access-Control-Allow-Origin": "https://app.example"})
    assert stored_rows() == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": ORIGIN},
        {"Origin": f"{ORIGIN}:80"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_pages_of_the_service_may_send(browser, headers):
    assert_response(browser.post(PATH, FULL_EVENT, headers=headers), 200, TRACKED, STORED)


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://millrace.example", 200), ("http://millrace.example", 401), (ORIGIN, 401)],
)
def test_behind_a_trusted_proxy_the_origin_is_taken_from_its_headers(
    browser, settings, origin, status
):
    settings.TRUSTED_PROXIES = parse_networks(["10.0.0.0/8"])
    settings.ALLOWED_HOSTS = ["millrace.example"]
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "millrace.example"}
    response = browser.post(
        PATH, FULL_EVENT, headers={"Origin": origin, **forwarded}, REMOTE_ADDR="10.0.0.1"
    )
    assert response.status_code == status


# What is the same as with a token


def test_a_retry_is_told_from_a_key_of_somebody_else(browser, token, make_user):
    assert_response(browser.post(PATH, FULL_EVENT, headers=header()), 200, TRACKED, STORED)
    assert_response(browser.post(PATH, FULL_EVENT, headers=header()), 200, TRACKED, DUPLICATE)
    by_token = Api().post(PATH, FULL_EVENT, token=token, headers=header())
    assert_response(by_token, 200, TRACKED, DUPLICATE)
    make_user("other@example.com")
    stranger = Api()
    log_in(stranger, "other@example.com")
    assert_conflict(stranger.post(PATH, FULL_EVENT, headers=header()))
    assert len(stored_rows()) == 1


def test_the_session_comes_before_the_limit_and_the_limit_before_the_body(browser, settings, clock):
    settings.RATE_TRACK = "1/m"
    for _ in range(2):
        assert_refused(Api().post(PATH, FULL_EVENT))
    assert_invalid(browser.post(PATH, {}), "event must be a string")
    response = browser.post(PATH, b"{")
    assert_rate_limited(response, int(response["Retry-After"]))


def test_the_switch_comes_after_the_session(browser):
    change_settings(tracking_enabled="false")
    off = {"X-Event-Outcome": "dropped; reason=kill_switch"}
    assert_response(browser.post(PATH, FULL_EVENT), 200, TRACKED, off)
    assert_refused(Api().post(PATH, FULL_EVENT))


def test_plain_text_is_rejected(browser):
    assert_error(browser.post(PATH, FULL_EVENT, content_type="text/plain"), 415)


def test_without_the_main_database_the_event_is_lost(browser):
    with failing("default", "the main database is away"):
        assert_response(browser.post(PATH, FULL_EVENT), 200, TRACKED, WRITE_FAILED)
        assert_error(browser.post(PATH, b"{", headers={"Origin": "null"}), 401)
        assert_error(Api().post(PATH, FULL_EVENT), 401)
        assert browser.get(PATH).status_code == 405
    assert stored_rows() == []


# The recorder of requests


@pytest.mark.parametrize("body", [FULL_EVENT, {}])
def test_the_recorded_request_names_the_user(browser, user, body):
    row = row_of(browser.post(PATH, body))
    assert (row.user_id, row.metadata["actor_type"]) == (str(user.id), "authenticated_user")


def test_right_after_a_failure_of_the_database_the_user_is_named_all_the_same(browser, user):
    background.drain()  # of the login: the process knows the switches
    with failing("default", "the main database is away"):
        lost = browser.post(PATH, FULL_EVENT)
        background.drain()
    assert row_of(lost).user_id is None
    assert row_of(browser.post(PATH, FULL_EVENT)).user_id == str(user.id)


def test_a_request_without_a_session_is_recorded_as_anonymous(browser):
    row = row_of(Api().post(PATH, FULL_EVENT, headers={"Cookie": "sessionid=made-up"}))
    assert (row.user_id, row.metadata["actor_type"]) == (None, "anonymous")


# Costs


def test_a_session_costs_one_query_once_it_is_known(browser, django_assert_num_queries):
    browser.post(PATH, {})
    background.drain()
    with django_assert_num_queries(3, using="default"):  # and a COPY, which is not counted
        assert_response(browser.post(PATH, FULL_EVENT), 200, TRACKED, STORED)
        background.drain()


def test_a_token_beside_a_session_costs_no_query_of_it(browser, token):
    def fail(*statement):
        raise AssertionError("nobody should ask for the session")

    browser.post(PATH, {}, token=token)
    with connections["default"].execute_wrapper(fail):
        response = browser.post(PATH, {}, token=token)
    assert response.status_code == 400
