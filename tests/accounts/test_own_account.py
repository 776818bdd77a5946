"""POST /api/v1/auth/password, logout-everywhere and delete"""

import pytest

from tests.support.accounts import PASSWORD
from tests.support.api import Api
from tests.support.responses import assert_error, assert_invalid, assert_response
from websites import tokens
from websites.models import User, Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

CHANGE, EVERYWHERE = "/api/v1/auth/password", "/api/v1/auth/logout-everywhere"
DELETE = "/api/v1/auth/delete"
PATHS = (CHANGE, EVERYWHERE, DELETE)
NEW = "BetterPass456"
WRONG, NO_HEADER = "Wrong password", "Missing or invalid authorization header"
NEEDS_NEW = {CHANGE: {"newPassword": ["Required"]}, EVERYWHERE: {}, DELETE: {}}
SENT = {"password": PASSWORD, "newPassword": NEW}


@pytest.fixture
def statuses(api, user):
    """Log in everywhere; return what these logins are answered later."""
    browser, pair = Api(), tokens.issue(user)
    browser.force_login(user)

    def statuses():
        tokens.reset()  # as after two seconds
        refreshed = api.post("/api/v1/auth/refresh", {"refreshToken": pair.refresh})
        return [
            browser.get("/accounts/me/").status_code,
            api.get("/api/v1/auth/me", token=pair.access).status_code,
            refreshed.status_code,
        ]

    return statuses


def can_log_in(api, password):
    body = {"email": "user@example.com", "password": password}
    return api.post("/api/v1/auth/login", body).status_code == 200


@pytest.mark.parametrize(("path", "password"), [(CHANGE, NEW), (EVERYWHERE, PASSWORD)])
def test_all_logins_end_but_the_new_one(api, token, statuses, path, password):
    response = api.post(path, SENT, token=token)
    pair = response.json()["tokens"]
    assert_response(response, 200, {"tokens": pair | {"expiresIn": 3600}})
    assert statuses() == [302, 401, 401]
    assert api.get("/api/v1/auth/me", token=token).status_code == 401
    assert api.get("/api/v1/auth/me", token=pair["accessToken"]).status_code == 200
    refreshed = api.post("/api/v1/auth/refresh", {"refreshToken": pair["refreshToken"]})
    assert refreshed.status_code == 200
    assert can_log_in(api, password)


def test_deleting_takes_the_websites(api, token, website, statuses):
    assert_response(api.post(DELETE, SENT, token=token), 200, {"websites": 1})
    assert statuses() == [302, 401, 401]
    assert not User.objects.filter(email="user@example.com").exists()
    assert not Website.objects.exists()


def test_the_last_administrator_stays(api, make_user):
    admin = make_user("admin@example.com", is_superuser=True)
    response = api.post(DELETE, SENT, token=tokens.issue(admin).access)
    last = "You are the only administrator. Make another one first."
    assert_error(response, 403, "FORBIDDEN", last)


@pytest.mark.parametrize("path", PATHS)
def test_the_password_is_asked_for(api, token, path):
    assert_error(api.post(path, SENT | {"password": NEW}, token=token), 403, "FORBIDDEN", WRONG)
    required = {"password": ["Required"]} | NEEDS_NEW[path]
    assert_invalid(api.post(path, {}, token=token), fields=required)
    assert_error(api.post(path, SENT), 401, "UNAUTHORIZED", NO_HEADER)
    assert can_log_in(api, PASSWORD)


def test_a_new_password_obeys_the_rules_of_a_registration(api, token):
    response = api.post(CHANGE, SENT | {"newPassword": "lower1"}, token=token)
    short, upper = "be at least 8 characters", "contain at least one uppercase letter"
    assert_invalid(
        response, fields={"newPassword": [f"Password must {short}", f"Password must {upper}"]}
    )
    assert can_log_in(api, PASSWORD)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("path", PATHS)
def test_guesses_count_as_those_of_a_login(api, token, settings, path):
    settings.LOGIN_FAILURES, settings.RATE_AUTH = "2/h", "4/m"
    for _ in range(2):
        api.post(path, SENT | {"password": "wrong"}, token=token)
    other = {"REMOTE_ADDR": "192.0.2.9"}
    assert api.post(path, SENT, token=token, **other).status_code == 429
    settings.LOGIN_FAILURES = "100/h"
    for _ in range(2):
        assert api.post(path, SENT | {"password": "wrong"}, token=token).status_code == 403
    assert api.post(path, SENT, token=token).status_code == 429


@pytest.mark.parametrize("path", PATHS)
def test_without_the_main_database_the_service_is_unavailable(api, token, path, main_database_away):
    unavailable = (503, "SERVICE_UNAVAILABLE", "Storage is unavailable")
    assert_error(api.post(path, SENT, token=token), *unavailable)
