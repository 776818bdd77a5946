"""POST /api/v1/auth/register"""

import hashlib
import re

import jwt
import pytest

from config.db import uuid7
from tests.support.accounts import PASSWORD
from tests.support.responses import assert_error, assert_invalid, assert_response, run_concurrently
from tests.support.runtime_settings import change_settings
from websites.models import User

pytestmark = pytest.mark.django_db

PATH = "/api/v1/auth/register"
GOOD = {"email": "user@example.com", "password": PASSWORD, "name": "John Doe"}


def post(api, body):
    return api.post(PATH, body)


def test_a_new_account_is_stored_and_returned(api):
    response = post(api, GOOD)

    user = User.objects.get()
    body = response.json()
    api_key, tokens = body["user"]["apiKey"], body["tokens"]
    shown = {
        "id": str(user.id),
        "email": "user@example.com",
        "name": "John Doe",
        "apiKey": api_key,
        "createdAt": f"{uuid7.time_of(user.id):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
    }
    assert_response(
        response,
        201,
        {
            "user": shown,
            "tokens": {
                "accessToken": tokens["accessToken"],
                "refreshToken": tokens["refreshToken"],
                "expiresIn": 3600,
            },
            "access_token": tokens["accessToken"],
        },
    )
    assert user.id.version == 7
    assert (user.email, user.name, user.is_active) == ("user@example.com", "John Doe", True)
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert user.check_password(PASSWORD)
    assert PASSWORD not in user.password
    assert re.fullmatch("pk_[A-Za-z0-9]{32}", api_key)
    assert user.api_key_hash == hashlib.sha256(api_key.encode()).hexdigest()


def test_the_tokens_have_exactly_the_claims_of_the_contract(api, settings):
    body = post(api, GOOD).json()
    for name, kind, seconds in (
        ("accessToken", "access", 3600),
        ("refreshToken", "refresh", 604_800),
    ):
        claims = jwt.decode(body["tokens"][name], settings.TOKEN_KEYS[0], algorithms=["HS256"])
        assert claims == {
            "user_id": body["user"]["id"],
            "sub": body["user"]["id"],
            "email": "user@example.com",
            "jti": claims["jti"],
            "iat": claims["iat"],
            "exp": claims["iat"] + seconds,
            "token_type": kind,
        }


def test_without_a_name_it_is_null(api):
    response = post(api, {"email": GOOD["email"], "password": PASSWORD})
    assert response.status_code == 201
    assert response.json()["user"]["name"] is None
    assert User.objects.get().name is None


def test_an_email_is_stored_in_lower_case(api):
    assert post(api, GOOD | {"email": "User@Example.COM"}).json()["user"]["email"] == (
        "user@example.com"
    )
    assert User.objects.get().email == "user@example.com"


@pytest.mark.parametrize(
    "change",
    [
        {"email": "a@b.c"},
        {"email": "o'brien+tag.x_y@sub-domain.example.museum"},
        {"email": f"{'a' * 247}@host.de"},
        {"password": "Passw0rd"},
        {"password": "Aa1" + "é" * 125},
        {"password": "  Aa1  \t "},
        {"name": "Jo"},
        {"name": "é" * 255},
        {"unknown": {"user_id": 1}, "is_staff": True},
    ],
)
def test_valid_values_are_accepted_unchanged(api, change):
    body = GOOD | change
    assert post(api, body).status_code == 201
    user = User.objects.get()
    assert (user.email, user.name, user.is_staff) == (body["email"], body["name"], False)
    assert user.check_password(body["password"])


EMAIL = "Invalid email address"
SHORT, LONG = "Email must be at least 5 characters", "Email must be at most 255 characters"
UPPER = "Password must contain at least one uppercase letter"
LOWER = "Password must contain at least one lowercase letter"
DIGIT = "Password must contain at least one number"


@pytest.mark.parametrize(
    ("field", "value", "messages"),
    [
        ("email", "user@host", [EMAIL]),
        ("email", "a b@c.de", [EMAIL]),
        ("email", "a..b@c.de", [EMAIL]),
        ("email", "a@b@c.de", [EMAIL]),
        ("email", "a@b..de", [EMAIL]),
        ("email", "@b.de", [EMAIL]),
        ("email", "a@.de", [EMAIL]),
        ("email", "é@b.de", [EMAIL]),
        ("email", "a@bé.de", [EMAIL]),
        ("email", " a@b.de", [EMAIL]),
        ("email", "a@b.de\n", [EMAIL]),
        ("email", "", [EMAIL, SHORT]),
        ("email", "a@b", [EMAIL, SHORT]),
        ("email", f"{'a' * 293}@abc.de", [LONG]),
        ("email", "a" * 256, [EMAIL, LONG]),
        ("email", 5, ["Expected string, received number"]),
        ("email", None, ["Expected string, received null"]),
        ("password", "Short1a", ["Password must be at least 8 characters"]),
        ("password", "Aa1" + "x" * 126, ["Password must be at most 128 characters"]),
        ("password", "lowercase1", [UPPER]),
        ("password", "UPPERCASE1", [LOWER]),
        ("password", "NoDigitsHere", [DIGIT]),
        ("password", "ÉÉÉÉéééé٣٣", [UPPER, LOWER, DIGIT]),
        ("password", "", ["Password must be at least 8 characters", UPPER, LOWER, DIGIT]),
        ("password", ["x"], ["Expected string, received array"]),
        ("password", {}, ["Expected string, received object"]),
        ("name", "J", ["Name must be at least 2 characters"]),
        ("name", "", ["Name must be at least 2 characters"]),
        ("name", "x" * 256, ["Name must be at most 255 characters"]),
        ("name", None, ["Expected string, received null"]),
        ("name", True, ["Expected string, received boolean"]),
    ],
)
def test_a_field_lists_the_rules_that_it_breaks(api, field, value, messages):
    assert_invalid(post(api, GOOD | {field: value}), fields={field: messages})
    assert not User.objects.exists()


def test_an_empty_body_lacks_what_is_required(api):
    fields = {"email": ["Required"], "password": ["Required"]}
    assert_invalid(post(api, b""), fields=fields)
    assert_invalid(post(api, {}), fields=fields)
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["user@example.com", "USER@example.com"])
def test_a_taken_email_is_a_conflict(api, user, email):
    assert_error(post(api, GOOD | {"email": email}), 409, "CONFLICT", "Email already registered")
    assert list(User.objects.all()) == [user]


@pytest.mark.django_db(transaction=True)
def test_of_two_concurrent_registrations_one_wins(api):
    one, other = run_concurrently(
        lambda: post(api, GOOD), lambda: post(api, GOOD | {"email": "USER@EXAMPLE.COM"})
    )
    if one.status_code != 201:
        one, other = other, one
    assert one.status_code == 201
    assert_error(other, 409, "CONFLICT", "Email already registered")
    assert User.objects.count() == 1


CLOSED = (403, "FORBIDDEN", "Registration is closed")


@pytest.mark.usefixtures("clock")
def test_closed_registration_makes_no_account(api, settings):
    settings.RATE_AUTH = "3/m"
    change_settings(registration_enabled="TRUE")
    for body in (GOOD, {}, "x" * 1_048_577):
        assert_error(post(api, body), *CLOSED)
    assert post(api, GOOD).status_code == 429
    assert api.get(PATH).status_code == 405
    assert not User.objects.exists()


def test_other_methods_are_rejected_before_anything_else(api):
    for method in (api.get, api.put, api.patch, api.delete, api.head, api.options):
        response = method(PATH)
        assert response.status_code == 405
        assert response["Allow"] == "POST"
    assert_error(api.get(PATH), 405, "METHOD_NOT_ALLOWED", "Method not allowed", {"Allow": "POST"})


@pytest.mark.usefixtures("main_database_away")
def test_without_the_main_database_the_service_is_unavailable(api):
    assert_error(post(api, GOOD), 503, "SERVICE_UNAVAILABLE", "Storage is unavailable")


def test_a_crash_is_reported_without_details(api, monkeypatch, caplog):
    monkeypatch.setattr("websites.accounts.register", None)
    assert_error(post(api, GOOD), 500, "INTERNAL_ERROR", "Registration failed")
    assert "NoneType" in caplog.text
