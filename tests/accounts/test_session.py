"""POST and DELETE /api/v1/auth/session"""

import json
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test.client import MULTIPART_CONTENT
from django.utils import timezone

from config.api.view import annotations
from tests.support.accounts import PASSWORD
from tests.support.api import Api
from tests.support.databases import failing
from tests.support.responses import CHECKED_HEADERS, assert_error, assert_invalid, assert_response

pytestmark = pytest.mark.django_db

PATH = "/api/v1/auth/session"
GOOD = {"email": "user@example.com", "password": PASSWORD}


def log_in(api, body=None, **more):
    return api.post(PATH, GOOD if body is None else body, **more)


def assert_no_content(response):
    """Demand a 204 with nothing but a cookie."""
    assert (response.status_code, response.content) == (204, b"")
    headers = {name: response[name] for name in CHECKED_HEADERS if name in response}
    assert headers == {"Cache-Control": "no-store"}
    assert "Content-Length" not in response


def owners():
    """Return the ids of the users of all sessions that are stored."""
    return sorted(each.get_decoded()["_auth_user_id"] for each in Session.objects.all())


@pytest.mark.parametrize("email", ["user@example.com", "USER@Example.com"])
def test_email_and_password_begin_a_session(api, user, email):
    response = log_in(api, GOOD | {"email": email})
    assert_no_content(response)
    [(name, cookie)] = response.cookies.items()
    assert name == "sessionid"
    assert Session.objects.get().pk == cookie.value
    assert owners() == [str(user.id)]
    assert annotations(response.wsgi_request) == {"user_id": user.id}


@pytest.mark.parametrize("is_secure", [True, False])
def test_scripts_and_other_sites_do_not_get_the_cookie(api, user, settings, is_secure):
    settings.SESSION_COOKIE_SECURE = is_secure
    cookie = log_in(api).cookies["sessionid"]
    attributes = {name for name, value in cookie.items() if value}
    flags = {"httponly", "path", "samesite", "max-age", "expires"}
    assert attributes == (flags | {"secure"} if is_secure else flags)
    expected = (cookie["path"], cookie["samesite"], cookie["max-age"])
    assert expected == ("/", "Lax", 1_209_600)


def test_each_login_has_a_new_key_and_ends_the_session_before(api, user):
    keys = [log_in(api).cookies["sessionid"].value for _ in range(2)]
    assert keys[0] != keys[1]
    assert [each.pk for each in Session.objects.all()] == keys[1:]


def test_the_session_of_another_user_is_not_gone_on_with(api, user, make_user):
    other = make_user("other@example.com")
    log_in(api)
    log_in(api, GOOD | {"email": "other@example.com"})
    assert owners() == [str(other.id)]


@pytest.mark.django_db(databases=["default", "analytics"])
def test_the_admin_knows_the_session(api, make_user):
    make_user("staff@example.com", is_staff=True, is_superuser=True)
    log_in(api, GOOD | {"email": "staff@example.com"})
    assert api.get("/admin/").status_code == 200


def test_a_token_against_forgery_that_somebody_has_seen_changes(api, user):
    before = api.get("/accounts/login/").cookies["csrftoken"].value
    assert log_in(api).cookies["csrftoken"].value != before


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"password": "wrong"}, (401, "UNAUTHORIZED", "Invalid email or password")),
        ({"email": "nobody@example.com"}, (401, "UNAUTHORIZED", "Invalid email or password")),
    ],
)
def test_wrong_ones_are_rejected_and_end_nothing(api, user, change, refusal):
    log_in(api)
    assert_error(log_in(api, GOOD | change), *refusal)
    assert owners() == [str(user.id)]


def test_an_inactive_account_is_rejected(api, user):
    user.is_active = False
    user.save()
    assert_error(log_in(api), 403, "FORBIDDEN", "Account is inactive")
    assert owners() == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"email": ["Required"], "password": ["Required"]}),
        (GOOD | {"email": 5}, {"email": ["Expected string, received number"]}),
        (GOOD | {"email": "user@host"}, {"email": ["Invalid email address"]}),
        (GOOD | {"password": ""}, {"password": ["Password is required"]}),
    ],
)
def test_fields_are_checked_as_those_of_a_login(api, user, body, fields):
    assert_invalid(log_in(api, body), fields=fields)


def test_bytes_are_checked_as_those_of_a_login(api, user):
    assert_invalid(log_in(api, b"{"), form=["Invalid JSON"])
    form = api.post(PATH, GOOD, MULTIPART_CONTENT)
    assert_error(form, 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type")
    huge = log_in(api, b" " * 1_048_577)
    assert_error(huge, 413, "PAYLOAD_TOO_LARGE", "Request body is too large")


@pytest.mark.usefixtures("clock")
def test_the_eleventh_login_of_a_minute_is_rejected_and_deleting_is_not(api, user):
    for _ in range(10):
        assert log_in(api).status_code == 204
        assert api.delete(PATH).status_code == 204
    response = log_in(api)
    wait = {"Retry-After": response["Retry-After"]}
    assert_error(response, 429, "RATE_LIMITED", "Too many requests", wait)
    assert_no_content(api.delete(PATH))


def test_deleting_ends_the_session(api, user, client):
    log_in(api)
    client.cookies = api.cookies.copy()
    response = api.delete(PATH)
    assert response.cookies["sessionid"].value == ""
    assert response.cookies["sessionid"]["max-age"] == 0
    assert (response.status_code, response.content) == (204, b"")
    assert owners() == []
    assert annotations(response.wsgi_request) == {"user_id": user.id}
    assert annotations(client.delete(PATH).wsgi_request) == {}


@pytest.mark.parametrize("key", ["", "x", "a" * 32, "A" * 32, "'", "a" * 5000, r'"\000aaaaaaaa"'])
def test_deleting_no_session_is_fine(api, user, key):
    log_in(Api())
    api.cookies["sessionid"] = "x"
    api.cookies["sessionid"].set("sessionid", "x", key)
    response = api.delete(PATH)
    assert (response.status_code, response.content) == (204, b"")
    assert annotations(response.wsgi_request) == {}
    assert owners() == [str(user.id)]


def test_an_expired_session_is_none(api, user):
    log_in(api)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    response = api.delete(PATH)
    assert response.status_code == 204
    assert annotations(response.wsgi_request) == {}


@pytest.mark.parametrize("method", ["get", "put", "patch", "options"])
def test_other_methods_are_rejected(api, method):
    response = getattr(api, method)(PATH, headers={"Origin": "https://any.example"})
    body = {"error": "METHOD_NOT_ALLOWED", "message": "Method not allowed"}
    assert_response(response, 405, body, {"Allow": "POST, DELETE"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://testserver:8001"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.usefixtures("clock")
def test_pages_of_other_sites_neither_begin_nor_end_a_session(api, user, make_user, headers):
    other = make_user("other@example.com")
    log_in(api)
    body = json.dumps(GOOD | {"email": other.email})
    for _ in range(10):  # as `fetch` sends it with mode no-cors: a blob without a type
        response = api.post_bytes(PATH, body, content_type="", headers=headers)
        assert_error(response, 403, "FORBIDDEN", "Cross-site request refused")
    response = api.delete(PATH, headers=headers)
    assert_error(response, 403, "FORBIDDEN", "Cross-site request refused")
    assert owners() == [str(user.id)]
    own = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    assert_no_content(api.post_bytes(PATH, body, content_type="", headers=own))
    assert owners() == [str(other.id)]
    assert api.delete(PATH, headers=own).status_code == 204
    assert owners() == []


def test_preflights_of_other_origins_are_rejected(api):
    headers = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "content-type",
    }
    assert api.options(PATH, headers=headers).status_code == 405


def test_without_the_main_database_the_service_is_unavailable(api, user):
    log_in(api)
    with failing("default", "the main database is away"):
        for response in (log_in(api), api.delete(PATH)):
            assert_error(response, 503, "SERVICE_UNAVAILABLE", "Storage is unavailable")


@pytest.mark.parametrize("method", ["post", "delete"])
def test_a_crash_is_reported_without_details(api, user, monkeypatch, caplog, method):
    monkeypatch.setattr("websites.sessions.log_in", None)
    monkeypatch.setattr("websites.accounts_api.logout", None)
    response = getattr(api, method)(PATH, GOOD, content_type="application/json")
    assert_error(response, 500, "INTERNAL_ERROR", "Login failed")
    assert "NoneType" in caplog.text
