"""POST /api/analytics/collect: the login session, and pages of other sites"""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from config.api.addresses import parse_networks
from tests.support.api import Api
from tests.support.collect import EVENT, PATH, assert_error, assert_session_required, assert_stored

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.mark.parametrize("key", [None, "", "x", "a" * 32, "é" * 32, "a" * 5000, "a" * 8 + "\0"])
def test_an_unknown_session_is_rejected(browser, key):
    response = Api().post(PATH, EVENT, headers=cookie(key))
    assert_session_required(response)


def cookie(key):
    """Return the header in which a browser would send a session; quoted, it can hold anything."""
    quoted = "".join(f"\\{ord(each):03o}" if each == "\0" else each for each in key or "")
    return {} if key is None else {"Cookie": f'sessionid="{quoted}"'}


def test_an_expired_session_is_rejected(browser):
    assert browser.post(PATH, b"{").status_code == 400
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert_session_required(browser.post(PATH, EVENT))


def test_an_inactive_user_is_rejected_at_once(browser, user):
    assert browser.post(PATH, b"{").status_code == 400
    user.is_active = False
    user.save()
    assert_session_required(browser.post(PATH, EVENT))


def test_a_deleted_user_is_rejected(browser, user):
    user.delete()
    assert_session_required(browser.post(PATH, EVENT))


def test_a_session_from_before_a_new_password_is_rejected(browser, user):
    user.set_password("AnotherPass123")
    user.save()
    assert_session_required(browser.post(PATH, EVENT))


def test_after_logout_events_are_rejected(browser):
    key = browser.cookies["sessionid"].value
    browser.delete("/api/v1/auth/session")
    assert_session_required(browser.post(PATH, EVENT))
    assert_session_required(browser.post(PATH, EVENT, headers={"Cookie": f"sessionid={key}"}))


def test_a_token_is_no_session(api, token):
    assert_session_required(api.post(PATH, EVENT, token=token))


def test_the_session_of_the_admin_is_one(staff_api):
    assert_stored(staff_api.post(PATH, EVENT, content_type="application/json"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://testserver"},
        {"Origin": "http://testserver:8000"},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "http://sub.testserver"},
        {"Origin": "http://user@testserver"},
        {"Origin": "testserver"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Origin": "https://testserver", "X-Forwarded-Proto": "https"},
        {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"},
    ],
)
def test_other_sites_are_rejected_whatever_the_session(browser, settings, headers):
    settings.ALLOWED_HOSTS = ["testserver", "evil.example"]
    response = browser.post(PATH, b"{", headers=headers)
    assert_error(response, 403, "Cross-site request refused")
    without = Api().post(PATH, EVENT, headers=headers)
    assert_error(without, 403, "Cross-site request refused")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://testserver"},
        {"Origin": "http://testserver:80"},
        {"Origin": "HTTP://TestServer"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_pages_of_the_service_may_send(browser, headers):
    assert_stored(browser.post(PATH, EVENT, headers=headers))


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("testserver:8000", "http://testserver:8000"),
        ("TESTSERVER:80", "http://testserver"),
        ("[::1]:80", "http://[::1]"),
        ("[::80]", "http://[::80]"),
    ],
)
def test_the_port_belongs_to_the_origin(browser, settings, host, origin):
    settings.ALLOWED_HOSTS = ["testserver", "[::1]", "[::80]"]
    assert_stored(browser.post(PATH, EVENT, HTTP_HOST=host, headers={"Origin": origin}))


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://millrace.example", 200),
        ("https://millrace.example:443", 200),
        ("http://millrace.example", 403),
        ("http://testserver", 403),
    ],
)
def test_behind_a_trusted_proxy_the_origin_is_taken_from_its_headers(
    browser, settings, origin, status
):
    settings.TRUSTED_PROXIES = parse_networks(["10.0.0.0/8"])
    settings.ALLOWED_HOSTS = ["millrace.example"]
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "millrace.example"}
    headers = {"Origin": origin, **forwarded}
    assert browser.post(PATH, EVENT, headers=headers, REMOTE_ADDR="10.0.0.1").status_code == status
