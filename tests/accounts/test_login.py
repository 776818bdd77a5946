"""POST /api/v1/auth/login"""

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher

from config.db import uuid7
from tests.support.accounts import PASSWORD
from tests.support.responses import assert_error, assert_invalid, assert_response
from websites import tokens

pytestmark = pytest.mark.django_db

PATH = "/api/v1/auth/login"
GOOD = {"email": "user@example.com", "password": PASSWORD}
WRONG = (401, "UNAUTHORIZED", "Invalid email or password")


def post(api, body, **more):
    return api.post(PATH, body, **more)


@pytest.fixture
def hashed(monkeypatch):
    """The passwords that were hashed so far."""
    passwords = []
    encode = MD5PasswordHasher.encode

    def annotations(self, password, salt):
        passwords.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", annotations)
    return passwords


@pytest.mark.parametrize("email", ["user@example.com", "USER@Example.com"])
def test_email_and_password_log_in(api, user, email):
    response = post(api, GOOD | {"email": email})
    result = response.json()["tokens"]
    shown = {
        "id": str(user.id),
        "email": "user@example.com",
        "name": "John Doe",
        "createdAt": f"{uuid7.time_of(user.id):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
    }
    body = {
        "user": shown,
        "tokens": {
            "accessToken": result["accessToken"],
            "refreshToken": result["refreshToken"],
            "expiresIn": 3600,
        },
        "access_token": result["accessToken"],
    }
    assert_response(response, 200, body)
    caller = tokens.verify(result["accessToken"])
    assert (caller.user_id, caller.email) == (user.id, "user@example.com")


@pytest.mark.parametrize(
    "change",
    [
        {"password": "securepass123"},
        {"password": PASSWORD + " "},
        {"password": "x" * 100_000},
        {"email": "nobody@example.com"},
        {"email": f"{'a' * 300}@example.com"},
    ],
)
def test_wrong_ones_are_rejected_alike_after_the_same_work(api, user, hashed, change):
    hashed.clear()
    assert_error(post(api, GOOD | change), *WRONG)
    assert len(hashed) == 1


def test_an_account_without_a_password_takes_as_long(api, user, hashed):
    user.set_unusable_password()
    user.save()
    hashed.clear()
    assert_error(post(api, GOOD), *WRONG)
    assert len(hashed) == 1


def test_an_inactive_account_is_reported_only_with_the_right_password(api, user):
    user.is_active = False
    user.save()
    assert_error(post(api, GOOD | {"password": "wrong"}), *WRONG)
    assert_error(post(api, GOOD), 403, "FORBIDDEN", "Account is inactive")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"email": "user@host"}, {"email": ["Invalid email address"]}),
        ({"email": ""}, {"email": ["Invalid email address"]}),
        ({"email": 5}, {"email": ["Expected string, received number"]}),
        ({"password": ""}, {"password": ["Password is required"]}),
        ({"password": None}, {"password": ["Expected string, received null"]}),
        (
            {"email": [], "password": True},
            {
                "email": ["Expected string, received array"],
                "password": ["Expected string, received boolean"],
            },
        ),
    ],
)
def test_fields_are_checked_first(api, user, change, fields):
    assert_invalid(post(api, GOOD | change), fields=fields)


def test_no_rule_of_registration_applies(api, user):
    assert_error(post(api, GOOD | {"password": "x"}), *WRONG)


def test_an_empty_body_lacks_both(api):
    assert_invalid(post(api, b""), fields={"email": ["Required"], "password": ["Required"]})


@pytest.mark.usefixtures("clock")
def test_the_eleventh_of_a_minute_is_rejected_whatever_became_of_the_others(api, user):
    for body in (b"{", b"{}", *[GOOD] * 8):
        assert post(api, body).status_code in (200, 400)
    response = post(api, GOOD)
    wait = response["Retry-After"]
    assert_error(response, 429, "RATE_LIMITED", "Too many requests", {"Retry-After": wait})
    assert 1 <= int(wait) <= 60
    assert post(api, GOOD, REMOTE_ADDR="192.0.2.7").status_code == 200
    other = api.post("/api/v1/auth/refresh", {})
    assert other.status_code == 400  # each route counts for itself


@pytest.mark.usefixtures("clock")
def test_other_methods_use_up_no_budget(api, user):
    for _ in range(11):
        assert api.get(PATH).status_code == 405
    assert post(api, GOOD).status_code == 200


@pytest.mark.usefixtures("clock")
def test_the_limit_comes_before_the_size_of_the_body(api, settings):
    settings.RATE_AUTH = "1/m"
    settings.MAX_BODY_BYTES = 10
    assert post(api, b"x" * 11).status_code == 413
    assert post(api, b"x" * 11).status_code == 429


@pytest.mark.usefixtures("clock")
def test_addresses_of_one_ipv6_network_share_a_limit(api, settings):
    settings.RATE_AUTH = "1/m"
    assert post(api, b"", REMOTE_ADDR="2001:db8::1").status_code == 400
    assert post(api, b"", REMOTE_ADDR="2001:db8::ffff:2").status_code == 429
    assert post(api, b"", REMOTE_ADDR="2001:db8:0:1::1").status_code == 400


@pytest.mark.usefixtures("clock")
def test_forwarding_headers_of_untrusted_clients_are_ignored(api, settings):
    settings.RATE_AUTH = "1/m"
    first = {"X-Forwarded-For": "192.0.2.1", "CF-Connecting-IP": "192.0.2.1"}
    second = {"X-Forwarded-For": "192.0.2.2", "CF-Connecting-IP": "192.0.2.2"}
    assert post(api, b"", headers=first).status_code == 400
    assert post(api, b"", headers=second).status_code == 429


def test_without_the_store_of_counters_requests_pass(api, user, settings, caplog):
    settings.RATE_AUTH = "1/m"
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }
    assert [post(api, GOOD).status_code for _ in range(3)] == [200, 200, 200]
    assert "limits are not counted" in caplog.text


@pytest.mark.usefixtures("main_database_away")
def test_without_the_main_database_the_service_is_unavailable(api):
    assert_error(post(api, GOOD), 503, "SERVICE_UNAVAILABLE", "Storage is unavailable")


def test_a_crash_is_reported_without_details(api, monkeypatch, caplog):
    monkeypatch.setattr("websites.accounts.authenticate", None)
    assert_error(post(api, GOOD), 500, "INTERNAL_ERROR", "Login failed")
    assert "NoneType" in caplog.text
