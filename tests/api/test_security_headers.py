"""Security headers, and hosts that see the admin"""

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from config.api.addresses import parse_networks
from tests.support.accounts import PASSWORD
from tests.support.responses import assert_error

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

ADMIN = "/admin/login/"
NOT_FOUND = (404, "NOT_FOUND", "Route not found")
SAFE = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
SAFE_PAGE = SAFE | {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
NAMED = {*SAFE_PAGE, "Strict-Transport-Security"}


def assert_told(response, status, headers):
    assert response.status_code == status
    assert {name: response[name] for name in NAMED if name in response} == headers


def crash(*arguments, **more):
    raise RuntimeError("the password is 5eSAME")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("GET", "/metrics", 200),
        ("GET", "/nothing", 404),
        ("POST", "/api/v1/events", 400),
        ("PUT", "/api/v1/analytics/track", 405),
        ("GET", "/static/unfold/js/app.js", 200),
    ],
)
def test_a_response_that_is_no_page_has_the_strictest_policy(api, method, path, status):
    response = api.generic(method, path)
    assert_told(response, status, SAFE)
    response.close()


def test_responses_from_before_the_routes_are_described_too(api):
    assert_told(api.get("/health/live", headers={"Host": "evil.example"}), 400, SAFE)
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    preflight = api.options("/api/v1/events", headers=headers)
    assert_told(preflight, 200, SAFE)


def test_a_page_loads_only_what_is_here(api, staff_api):
    assert_told(api.get(ADMIN), 200, SAFE_PAGE)
    assert_told(staff_api.get("/admin/"), 200, SAFE_PAGE)


def test_a_page_that_crashes_shows_nothing_of_it(staff_api, monkeypatch):
    Group.objects.create(name="staff")
    monkeypatch.setattr("websites.admin.GroupAdmin.get_queryset", crash)
    staff_api.raise_request_exception = False
    response = staff_api.get("/admin/auth/group/")
    assert_told(response, 500, SAFE_PAGE)
    page = response.content.decode()
    assert "This page cannot be shown now" in page
    assert "5eSAME" not in page
    assert "RuntimeError" not in page


def test_a_page_beyond_the_end_links_to_one_that_exists(staff_api):
    response = staff_api.get("/admin/nothing/")
    assert_told(response, 404, SAFE_PAGE)
    page = response.content.decode()
    assert "There is no such page" in page
    assert 'href="/"' in page


@pytest.mark.parametrize("path", ["/admin", "/admin/auth/group", "/admin/auth"])
def test_a_missing_slash_redirects_to_the_page(staff_api, path):
    response = staff_api.get(f"{path}?q=a%20b")
    assert (response.status_code, response["Location"]) == (301, f"{path}/?q=a%20b")


def test_a_missing_slash_of_the_admin_needs_no_login(api):
    assert api.get("/admin")["Location"] == "/admin/"
    assert api.post("/admin")["Location"] == "/admin/"


def test_an_api_that_crashes_shows_nothing_of_it(api, user, monkeypatch):
    monkeypatch.setattr("websites.accounts.authenticate", crash)
    body = {"email": user.email, "password": PASSWORD}
    response = api.post("/api/v1/auth/login", body)
    assert_told(response, 500, SAFE)
    assert response.json() == {"error": "INTERNAL_ERROR", "message": "Login failed"}


@pytest.mark.parametrize(("seconds", "expected"), [(0, set()), (60, {"max-age=60"})])
def test_hsts_is_sent_over_https_where_it_is_enabled(api, settings, seconds, expected):
    settings.SECURE_HSTS_SECONDS = seconds
    over_https = api.get("/health/live", secure=True)
    assert {over_https[name] for name in over_https.headers if name in NAMED - {*SAFE}} == expected
    assert_told(api.get("/health/live"), 200, SAFE)


def test_cookies_are_strict(client, make_user, settings):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True  # as in production
    staff = make_user("staff@example.com", is_staff=True)
    client.post(ADMIN, {"username": staff.email, "password": PASSWORD})
    assert client.cookies.keys() == {"sessionid", "csrftoken"}
    for cookie in client.cookies.values():
        expected = (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"])
        assert expected == (True, True, "Lax", "/")
    assert client.cookies["sessionid"]["max-age"] == 1_209_600


@pytest.fixture
def allowed_staff(settings):
    """Return a client for an ADMIN_ALLOWED_IPS of two networks."""
    settings.ADMIN_ALLOWED_IPS = parse_networks(["192.0.2.0/24", "2001:db8::/32"])
    return Client()


def test_the_admin_is_public_by_default(api):
    assert api.get(ADMIN, REMOTE_ADDR="203.0.113.9").status_code == 200


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("192.0.2.9", True),
        ("::ffff:192.0.2.9", True),
        ("2001:db8::1", True),
        ("203.0.113.9", False),
        ("127.0.0.1", False),
        ("2001:db9::1", False),
        ("", False),  # a Unix socket
    ],
)
def test_the_admin_is_not_there_for_other_networks(allowed_staff, address, is_allowed):
    found = {ADMIN: 200, "/admin": 301, "/admin/": 302, "/admin/nothing/": 302}
    for path, status in found.items():
        response = allowed_staff.get(path, REMOTE_ADDR=address)
        if is_allowed:
            assert response.status_code == status
        else:
            assert_error(response, *NOT_FOUND)
            assert_told(response, 404, SAFE)
    assert allowed_staff.get("/health/live", REMOTE_ADDR=address).status_code == 200


def test_behind_a_proxy_the_client_counts_and_not_what_it_claims(allowed_staff, settings):
    claim = {"X-Forwarded-For": "192.0.2.9"}
    ask = {"path": ADMIN, "headers": claim, "REMOTE_ADDR": "10.0.0.1"}
    assert_error(allowed_staff.get(**ask), *NOT_FOUND)
    settings.TRUSTED_PROXIES = parse_networks(["10.0.0.0/8"])
    assert allowed_staff.get(**ask).status_code == 200
    settings.ADMIN_ALLOWED_IPS = parse_networks(["198.51.100.0/24"])
    ask["headers"] = claim | {"CF-Connecting-IP": "198.51.100.1"}
    assert_error(allowed_staff.get(**ask), *NOT_FOUND)
