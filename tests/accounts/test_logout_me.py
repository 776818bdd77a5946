"""POST /api/v1/auth/logout and GET /api/v1/auth/me, and bearer tokens in general"""

import base64
from datetime import UTC, datetime

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from config.api.errors import InvalidCredentials, ReadUnavailable
from config.db import uuid7
from tests.support.responses import assert_error, assert_invalid, assert_response
from websites import tokens

pytestmark = pytest.mark.django_db

LOGOUT, ME = "/api/v1/auth/logout", "/api/v1/auth/me"
MISSING = (401, "UNAUTHORIZED", "Missing or invalid authorization header")
INVALID = (401, "UNAUTHORIZED", "Invalid or expired token")
DONE = {"message": "Logged out successfully"}


def me(api, token):
    return api.get(ME, token=token)


def log_out(api, token, body=b""):
    return api.post(LOGOUT, body, token=token)


def is_refreshable(api, refresh_token):
    body = {"refreshToken": refresh_token}
    response = api.post("/api/v1/auth/refresh", body)
    return response.status_code == 200


@pytest.fixture
def pair(user):
    return tokens.issue(user)


def test_me_returns_the_user(api, user, token):
    shown = {
        "id": str(user.id),
        "email": "user@example.com",
        "name": "John Doe",
        "createdAt": f"{uuid7.time_of(user.id):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "isActive": True,
    }
    assert_response(me(api, token), 200, {"user": shown})


@pytest.mark.parametrize("body", [b"", {}, {"refreshToken": "junk"}, {"refreshToken": ""}])
def test_logout_ends_the_access_token_at_once(api, pair, body):
    assert me(api, pair.access).status_code == 200
    assert_response(log_out(api, pair.access, body), 200, DONE)
    assert_error(me(api, pair.access), *INVALID)
    assert_error(log_out(api, pair.access, body), *INVALID)
    assert is_refreshable(api, pair.refresh)


def test_logout_ends_the_refresh_token_that_it_is_given(api, pair):
    assert_response(log_out(api, pair.access, {"refreshToken": pair.refresh}), 200, DONE)
    assert not is_refreshable(api, pair.refresh)


def test_logout_leaves_other_sessions_alone(api, user, pair):
    other = tokens.issue(user)
    log_out(api, pair.access, {"refreshToken": pair.refresh})
    assert me(api, other.access).status_code == 200
    assert is_refreshable(api, other.refresh)


def test_logout_leaves_the_refresh_token_of_somebody_else_alone(api, pair, make_user):
    other = tokens.issue(make_user("other@example.com"))
    assert_response(log_out(api, pair.access, {"refreshToken": other.refresh}), 200, DONE)
    assert is_refreshable(api, other.refresh)


def test_logout_twice_with_one_refresh_token_is_fine(api, user, pair):
    log_out(api, pair.access, {"refreshToken": pair.refresh})
    second = tokens.issue(user).access
    assert_response(log_out(api, second, {"refreshToken": pair.refresh}), 200, DONE)


@pytest.mark.parametrize(
    ("value", "received"), [(5, "number"), (None, "null"), ([], "array"), (True, "boolean")]
)
def test_an_invalid_body_revokes_nothing(api, pair, value, received):
    response = log_out(api, pair.access, {"refreshToken": value})
    assert_invalid(response, fields={"refreshToken": [f"Expected string, received {received}"]})
    assert me(api, pair.access).status_code == 200


def test_the_bearer_comes_before_the_body(api, settings):
    settings.MAX_BODY_BYTES = 5
    assert_error(log_out(api, "junk", b"{}" * 9), *INVALID)
    assert_error(api.post(LOGOUT, b"{}" * 9, content_type="text/html"), *MISSING)


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer    ",
        "Basic dXNlcjpwYXNz",
        "bearer {token}",
        "BEARER {token}",
        "Bearer{token}",
        "Token {token}",
        "{token}",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("get", ME), ("post", LOGOUT)])
def test_without_a_bearer_token_requests_are_rejected(api, token, method, path, header):
    request = getattr(api, method)
    headers = {"Authorization": header.format(token=token)}
    assert_error(request(path, headers=headers), *MISSING)
    assert_error(request(path), *MISSING)
    assert me(api, token).status_code == 200


def test_a_well_signed_token_is_accepted(api, forge):
    assert me(api, forge()).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"exp": "absent"},
        {"exp": "soon"},
        {"exp": 10**30},
        {"iat": 10**10},
        {"token_type": "refresh"},
        {"token_type": "absent"},
        {"jti": "absent"},
        {"user_id": "absent"},
        {"user_id": "1"},
        {"user_id": 7},
        {"user_id": ["x"]},
        {"user_id": "019c0427-2440-74f8-996d-a763b7a969b1"},
        {"key": "another-key-" + "x" * 50},
        {"algorithm": "none"},
        {"algorithm": "HS384"},
    ],
)
def test_an_invalid_token_is_rejected(api, forge, changed):
    assert_error(me(api, forge(**changed)), *INVALID)


def nested(depth):
    header = base64.urlsafe_b64encode(b"[" * depth).decode().rstrip("=")
    return f"{header}.e30.c2ln"


@pytest.mark.parametrize(
    "junk", ["x", "..", "...", "a.b.c", "é.é.é", "a b", "null", nested(1400), "e" * 100_000]
)
def test_junk_is_rejected(api, junk):
    assert_error(me(api, junk), *INVALID)


def test_a_token_with_its_end_cut_off_is_rejected(api, token):
    assert_error(me(api, token[:-3]), *INVALID)


def test_a_deactivated_user_is_out_within_two_seconds(api, user, token, clock):
    assert tokens.MAX_AGE_SECONDS < 2
    tokens.verify(token)
    user.is_active = False
    user.save()
    clock.move(seconds=tokens.MAX_AGE_SECONDS)
    assert_error(me(api, token), *INVALID)


def test_a_deleted_user_is_out_within_two_seconds(api, user, token, clock):
    tokens.verify(token)
    user.delete()
    clock.move(seconds=tokens.MAX_AGE_SECONDS)
    assert_error(me(api, token), *INVALID)


def test_me_of_a_user_who_was_just_deleted_is_no_crash(api, user, token):
    tokens.verify(token)
    user.delete()
    assert_error(me(api, token), *INVALID)


def test_another_process_learns_of_a_logout_within_two_seconds(api, user, token, clock):
    caller = tokens.verify(token)
    tokens.log_out("as in another process", caller, None)
    assert tokens.verify(token).user_id == user.id
    clock.move(seconds=tokens.MAX_AGE_SECONDS)
    assert_error(me(api, token), *INVALID)


def test_a_token_costs_one_query_and_is_cached(token, django_assert_num_queries):
    with django_assert_num_queries(1):
        tokens.verify(token)
    with django_assert_num_queries(0):
        tokens.verify(token)


def test_a_token_that_expires_from_the_cache_during_a_request_is_read_anew(token, settings, clock):
    settings.WRITE_TIMEOUT_SECONDS = 1000
    clock.seconds_per_reading = 0.4
    for _ in range(50):
        assert tokens.verify(token)


@pytest.mark.parametrize("kind", ["refresh", "junk"])
def test_a_token_that_is_wrong_by_itself_costs_no_query(pair, kind, django_assert_num_queries):
    token = pair.refresh if kind == "refresh" else "junk"
    with django_assert_num_queries(0), pytest.raises(InvalidCredentials):
        tokens.verify(token)


def test_a_cached_token_expires_on_time(token, clock):
    expires_at = tokens.verify(token).expires_at
    clock.set(datetime.fromtimestamp(expires_at - 0.001, UTC))
    tokens.verify(token)
    clock.move(seconds=0.001)
    with pytest.raises(InvalidCredentials):
        tokens.verify(token)


@pytest.fixture
def revoked(pair, api):
    log_out(api, pair.access)
    tokens.reset()
    return pair.access


def test_a_revoked_token_is_rejected(revoked):
    with pytest.raises(InvalidCredentials):
        tokens.verify(revoked)


@pytest.mark.usefixtures("revoked", "main_database_away")
def test_without_the_main_database_the_signature_decides_for_events_alone(pair, user, caplog):
    assert tokens.verify(pair.access, by_signature=True).user_id == user.id
    with pytest.raises(ReadUnavailable):
        tokens.verify(pair.access)
    with pytest.raises(InvalidCredentials):
        tokens.verify(pair.refresh)
    expired = AccessToken()
    expired["user_id"] = str(user.id)
    expired["exp"] = 1
    with pytest.raises(InvalidCredentials):
        tokens.verify(str(expired))
    assert "only events are taken" in caplog.text


@pytest.mark.parametrize("ask", [me, log_out])
def test_without_the_main_database_these_routes_say_so(api, token, main_database_away, ask):
    assert_error(ask(api, token), 503, "SERVICE_UNAVAILABLE", "Storage is unavailable")


@pytest.mark.parametrize("ask", [me, log_out])
def test_a_crash_is_reported_without_details(api, token, ask, monkeypatch, caplog):
    monkeypatch.setattr("websites.accounts.active_user", None)
    monkeypatch.setattr("websites.tokens.log_out", None)
    assert_error(ask(api, token), 500, "INTERNAL_ERROR", "Request failed")
    assert "NoneType" in caplog.text
