"""The login throttle: failures by account and network"""

from datetime import UTC, datetime
from itertools import count

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.exceptions import ValidationError
from django.test import override_settings
from django.test.client import MULTIPART_CONTENT

from config.api.ratelimit_cache import LocalCache
from tests.support.accounts import PASSWORD
from tests.support.api import Api
from tests.support.responses import assert_error, run_concurrently

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LOGIN, ADMIN = "/api/v1/auth/login", "/admin/login/"
SESSION, PAGE = "/api/v1/auth/session", "/accounts/login/"
LOGGED_IN = {LOGIN: 200, SESSION: 204, PAGE: 302, ADMIN: 302}
WRONG = (401, "UNAUTHORIZED", "Invalid email or password")
NOW = 1_800_000_000 + 600.25  # ten minutes into an hour
TOO_MANY = (429, "RATE_LIMITED", "Too many requests", {"Retry-After": "3000"})
KNOWN, UNKNOWN = "user@example.com", "nobody@example.com"
HOME, DAY_SECONDS = "198.51.100.7", 86_400
AWAY = {
    "default": {
        "BACKEND": "config.api.ratelimit_cache.RedisCache",
        "LOCATION": "redis://127.0.0.1:1",
    }
}
addresses = (f"192.0.{n // 250}.{n % 250}" for n in count())  # so that none meets its own limit


@pytest.fixture(autouse=True)
def _now(clock):
    clock.set(datetime.fromtimestamp(NOW, UTC))


@pytest.fixture(autouse=True)
def _three_failures(settings, user):
    settings.LOGIN_FAILURES = "3/h"


def log_in(api, email=KNOWN, password="wrong", address=None, path=LOGIN):
    """Try to log in to an API, as a stranger unless an address is given."""
    body = {"email": email, "password": password}
    address = address or next(addresses)
    return api.post(path, body, REMOTE_ADDR=address)


def log_in_to_admin(client, email, password, address=None, path=ADMIN):
    """Try to log in on a page, as a stranger unless an address is given."""
    body = {"username": email, "password": password}
    return client.post(path, body, MULTIPART_CONTENT, REMOTE_ADDR=address or next(addresses))


def lock_strangers_out(api, email=KNOWN):
    for _ in range(3):
        log_in(api, email)
    assert_error(log_in(api, email, PASSWORD), *TOO_MANY)


def errors_of(response, status=200):
    assert response.status_code == status
    return response.context["form"].non_field_errors()


@pytest.fixture
def written(monkeypatch):
    """What is written to the cache from now on, by key."""
    entries: dict[str, object] = {}
    write = LocalCache.set

    def record(self, key, value, *rest, **more):
        entries[key] = value
        write(self, key, value, *rest, **more)

    monkeypatch.setattr(LocalCache, "set", record)
    return entries


def counters_in(entries):
    """Return the keys under which attempts are counted."""
    return [key for key in entries if "LOGIN_FAILURES" in key]


@pytest.mark.parametrize("email", [KNOWN, UNKNOWN])
def test_after_too_many_failures_the_response_is_the_same_for_unknown_accounts(api, email):
    for _ in range(3):
        assert_error(log_in(api, email), *WRONG)
    assert_error(log_in(api, email), *TOO_MANY)
    assert_error(log_in(api, email, PASSWORD), *TOO_MANY)


def test_a_registration_over_the_limit_hashes_no_password(api, monkeypatch):
    for _ in range(3):
        log_in(api)
    monkeypatch.setattr(MD5PasswordHasher, "encode", None)
    assert_error(log_in(api), *TOO_MANY)


def test_failures_of_one_account_are_no_others_business(api, make_user):
    other = make_user("other@example.com")
    for _ in range(3):
        log_in(api)
    assert log_in(api, other.email, PASSWORD).status_code == 200


def test_the_case_of_an_email_makes_no_other_account(api):
    for email in (KNOWN, KNOWN.upper(), "User@Example.com"):
        log_in(api, email)
    assert_error(log_in(api), *TOO_MANY)


def test_a_login_forgets_the_failures_before_it(api):
    for _ in range(2):
        log_in(api)
    assert log_in(api, password=PASSWORD).status_code == 200
    for _ in range(3):
        assert_error(log_in(api), *WRONG)
    assert_error(log_in(api), *TOO_MANY)


def test_the_next_window_starts_at_zero(api, clock):
    for _ in range(4):
        log_in(api)
    clock.move(seconds=2999.7)
    assert_error(log_in(api), *TOO_MANY[:3], {"Retry-After": "1"})
    clock.move(seconds=0.1)
    assert log_in(api, password=PASSWORD).status_code == 200


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_guesses_at_the_same_moment_all_count():
    calls = [lambda: log_in(Api()).status_code for _ in range(8)]
    assert sorted(run_concurrently(*calls)) == [401] * 3 + [429] * 5


def test_the_admin_counts_with_the_api(api, client, make_user):
    staff = make_user("staff@example.com", is_staff=True)
    for _ in range(2):
        [error] = errors_of(log_in_to_admin(client, staff.email, "wrong"))
        assert error.startswith("Please enter the correct email and password")
    assert_error(log_in(api, staff.email), *WRONG)
    response = log_in_to_admin(client, staff.email, PASSWORD)
    [error] = errors_of(response, 429)
    assert error == "Too many attempts to log in; try again in 50 min."
    assert response["Retry-After"] == "3000"
    assert "_auth_user_id" not in client.session


def test_the_page_for_people_counts_with_the_api(api, client):
    for _ in range(3):
        log_in(api)
    response = log_in_to_admin(client, KNOWN, PASSWORD, path=PAGE)
    assert (response.status_code, response["Retry-After"]) == (429, "3000")
    assert "Too many attempts. Try again in 3000 seconds." in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_the_session_of_a_browser_counts_with_the_api(api):
    for _ in range(3):
        log_in(api)
    assert_error(log_in(api, password=PASSWORD, path=SESSION), *TOO_MANY)


@pytest.mark.parametrize(
    ("door", "path"),
    [(log_in, LOGIN), (log_in, SESSION), (log_in_to_admin, PAGE), (log_in_to_admin, ADMIN)],
)
def test_the_eleventh_login_is_rejected_over_all_ways_to_log_in(api, door, path):
    for n, way in enumerate([LOGIN, SESSION] * 3, start=1):
        status = log_in(api, f"{n}@example.com", address=HOME, path=way).status_code
        assert status == 401
    for n, way in enumerate([PAGE, ADMIN] * 2, start=7):
        response = log_in_to_admin(api, f"{n}@example.com", "wrong", HOME, way)
        assert response.status_code == 200
    response = door(api, KNOWN, PASSWORD, HOME, path)
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 60
    assert "_auth_user_id" not in api.session
    assert api.post("/api/v1/auth/refresh", {}, REMOTE_ADDR=HOME).status_code == 400
    assert log_in(api, KNOWN, PASSWORD).status_code == 200  # of another address


def test_staff_log_in_to_the_admin(client, make_user):
    staff = make_user("staff@example.com", is_staff=True)
    assert log_in_to_admin(client, "Staff@Example.com", PASSWORD).status_code == 302
    assert client.session["_auth_user_id"] == str(staff.pk)


def test_an_inactive_account_cannot_log_in_to_the_admin(client, make_user):
    staff = make_user("staff@example.com", is_staff=True, is_active=False)
    [error] = errors_of(log_in_to_admin(client, staff.email, PASSWORD))
    assert error.startswith("Please enter the correct email and password")


@pytest.mark.usefixtures("clock")
def test_one_client_may_not_try_many_accounts_in_the_admin(client, settings, make_user):
    settings.RATE_AUTH = "2/m"
    staff = make_user("staff@example.com", is_staff=True)
    for email in ("a@example.com", "b@example.com"):
        errors_of(log_in_to_admin(client, email, "wrong", "192.0.2.1"))
    response = log_in_to_admin(client, staff.email, PASSWORD, "192.0.2.1")
    [error] = errors_of(response, 429)
    assert error == "Too many attempts to log in; try again in 1 min."
    assert 1 <= int(response["Retry-After"]) <= 60
    assert log_in_to_admin(client, staff.email, PASSWORD, "192.0.2.2").status_code == 302


@pytest.mark.parametrize(
    ("door", "path"),
    [(log_in, LOGIN), (log_in, SESSION), (log_in_to_admin, PAGE), (log_in_to_admin, ADMIN)],
)
def test_failures_of_others_do_not_lock_out_an_owner_on_a_known_network(make_user, door, path):
    owner, stranger = make_user("owner@example.com", is_staff=True), Api()

    def enter():
        return door(Api(), owner.email, PASSWORD, HOME, path).status_code == LOGGED_IN[path]

    assert enter()
    lock_strangers_out(stranger, owner.email)
    assert enter()
    assert_error(log_in(stranger, owner.email, PASSWORD), *TOO_MANY)


def test_a_known_network_has_as_many_failures_of_its_own(api):
    assert log_in(api, KNOWN, PASSWORD, HOME).status_code == 200
    for _ in range(3):
        assert_error(log_in(api, address=HOME), *WRONG)
    assert_error(log_in(api, KNOWN, PASSWORD, HOME), *TOO_MANY)
    for _ in range(3):
        assert_error(log_in(api), *WRONG)
    assert_error(log_in(api), *TOO_MANY)


def test_of_ipv6_the_network_is_known_not_the_address(api):
    log_in(api, KNOWN, PASSWORD, "2001:db8::7")
    lock_strangers_out(api)
    assert log_in(api, KNOWN, PASSWORD, "2001:db8::8").status_code == 200
    assert_error(log_in(api, KNOWN, PASSWORD, "2001:db8:0:1::7"), *TOO_MANY)


def test_a_network_is_known_to_the_accounts_that_were_logged_in_to_from_there(api, make_user):
    log_in(api, make_user("other@example.com").email, PASSWORD, HOME)
    assert_error(log_in(api, address=HOME), *WRONG)
    lock_strangers_out(api, "another@example.com")
    for _ in range(2):
        log_in(api)
    assert_error(log_in(api, KNOWN, PASSWORD, HOME), *TOO_MANY)


@pytest.mark.parametrize(("days", "is_known"), [(29, True), (31, False)])
def test_a_network_is_known_for_thirty_days(api, clock, days, is_known):
    log_in(api, KNOWN, PASSWORD, HOME)
    clock.move(days=days)
    lock_strangers_out(api)
    assert log_in(api, KNOWN, PASSWORD, HOME).status_code == (200 if is_known else 429)


def test_a_network_in_an_email_is_not_that_network(api, client):
    log_in(api, KNOWN, PASSWORD, HOME)
    for _ in range(4):
        log_in_to_admin(client, f"{HOME} {KNOWN}", "wrong")
    assert log_in(api, KNOWN, PASSWORD, HOME).status_code == 200


def test_the_cache_holds_no_email_and_no_address(api, written):
    log_in(api, KNOWN, PASSWORD, HOME)
    log_in(api, address=HOME)
    log_in(api)
    assert len(counters_in(written)) == 2
    assert "network:" in repr(written)
    assert not any(private in repr(written) for private in ("example", HOME, "192.0."))


def test_without_the_cache_logins_pass_and_an_outage_is_logged_once(api, caplog, clock):
    with override_settings(CACHES=AWAY):
        assert [log_in(api).status_code for _ in range(4)] == [401] * 4
        assert log_in(api, password=PASSWORD).status_code == 200
    for seconds, messages in ((9.9, 1), (0.1, 2), (60, 2)):
        clock.move(seconds=seconds)
        assert log_in(api, password=PASSWORD).status_code == 200
        assert [each.exc_info for each in caplog.records] == [None] * messages
    down, back = (each.getMessage() for each in caplog.records)
    assert down.startswith("The cache is down, limits are not counted: ")
    assert back == "The cache is back, limits are counted again"


def test_a_request_waits_once_for_a_cache_that_is_away(api, monkeypatch):
    calls = []

    def fail(*args, **more):
        calls.append(args)
        raise ConnectionError

    for step in ("get", "add", "incr", "consume", "delete", "set"):
        monkeypatch.setattr(f"config.api.ratelimit_cache.LocalCache.{step}", fail)
    assert log_in(api, password=PASSWORD).status_code == 200
    assert len(calls) == 1


def test_an_outage_of_the_cache_ends_for_the_next_who_asks(api):
    with override_settings(CACHES=AWAY):
        log_in(api)
    for _ in range(3):
        assert authenticate(username=KNOWN, password="wrong") is None
    with pytest.raises(ValidationError, match="Too many attempts"):
        authenticate(username=KNOWN, password=PASSWORD)


@pytest.mark.parametrize("step", ["get", "consume", "delete", "set"])
def test_a_cache_that_fails_in_between_stops_no_login(api, monkeypatch, caplog, step):
    monkeypatch.setattr(f"config.api.ratelimit_cache.LocalCache.{step}", None)
    assert log_in(api, password=PASSWORD).status_code == 200
    assert "limits are not counted" in caplog.text


def test_what_the_database_could_not_judge_does_not_count(api, written, main_database_away):
    for _ in range(4):
        assert log_in(api).status_code == 503
    assert not counters_in(written)
