"""POST /api/v1/analytics/track: authentication, methods, bodies and the rate limit"""

import gzip
import io
import json

import pytest

from tests.support.funnel import (
    FULL_EVENT,
    PATH,
    STORED,
    TRACKED,
    assert_track_error,
    forged_token,
    stored_rows,
)
from tests.support.responses import assert_response
from tests.support.runtime_settings import change_settings
from tests.support.sessions import assert_rate_limited

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NO_TOKEN = (401, "AUTH_UNAUTHORIZED", "Authentication required", "auth.unauthorized")
BAD_TOKEN = (401, "AUTH_UNAUTHORIZED", "Invalid or expired token", "auth.unauthorized")
NOT_FOUND = (404, "NOT_FOUND", "Route not found", "common.not_found")
WRONG_METHOD = (405, "METHOD_NOT_ALLOWED", "Method not allowed", "common.method_not_allowed")
TOO_LARGE = (413, "PAYLOAD_TOO_LARGE", "Request body is too large", "common.payload_too_large")
WRONG_TYPE = (
    *(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"),
    "common.unsupported_media_type",
)


# Authentication


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer   ", "Basic {token}", "Token {token}", "{token}"],
)
def test_without_a_bearer_token_nothing_is_stored(api, token, header):
    headers = {} if header is None else {"Authorization": header.format(token=token)}
    response = api.post(PATH, FULL_EVENT, headers=headers)
    assert_track_error(response, *NO_TOKEN)
    assert stored_rows() == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_accepted_in_any_case(api, token, scheme):
    headers = {"Authorization": f"{scheme} {token}"}
    response = api.post(PATH, FULL_EVENT, headers=headers)
    assert_response(response, 200, TRACKED, STORED)


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "none"},
        {"algorithm": "HS384"},
        {"key": "another key, of a length that nobody warns about " * 2},
        {"exp": 1},
        {"token_type": "refresh"},
        {"user_id": "x"},
        {"user_id": "019c0630-fe00-7d71-bb46-7075e0512424"},
    ],
    ids=str,
)
def test_an_invalid_token_is_rejected(api, token, settings, changes):
    assert_response(
        api.post(PATH, FULL_EVENT, token=forged_token(token, settings)), 200, TRACKED, STORED
    )
    assert_track_error(
        api.post(PATH, FULL_EVENT, token=forged_token(token, settings, **changes)), *BAD_TOKEN
    )
    assert len(stored_rows()) == 1


@pytest.mark.parametrize("junk", ["junk", "a.b.c", "...", "{token}x"])
def test_junk_tokens_are_rejected(api, token, junk):
    assert_track_error(api.post(PATH, FULL_EVENT, token=junk.format(token=token)), *BAD_TOKEN)


def test_a_token_is_no_longer_good_after_logout(api, token):
    assert api.post("/api/v1/auth/logout", token=token).status_code == 200
    assert_track_error(api.post(PATH, FULL_EVENT, token=token), *BAD_TOKEN)
    assert stored_rows() == []


@pytest.mark.parametrize("how", ["deactivated", "deleted"])
def test_a_token_is_no_longer_good_without_its_user(api, user, token, how):
    if how == "deleted":
        user.delete()
    else:
        user.is_active = False
        user.save()
    assert_track_error(api.post(PATH, FULL_EVENT, token=token), *BAD_TOKEN)
    assert stored_rows() == []


# Requests


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer junk"}])
def test_other_methods_are_rejected_before_the_token_is_read(api, method, headers):
    response = api.generic(method, PATH, b"{", "text/html", headers=headers)
    if method == "HEAD":
        assert (response.status_code, response["Allow"]) == (405, "POST")
    else:
        assert_track_error(response, *WRONG_METHOD, headers={"Allow": "POST"})


def test_a_preflight_is_rejected(api):
    asked = {"Origin": "https://any.example", "Access-Control-Request-Method": "POST"}
    response = api.options(PATH, headers=asked)
    assert_track_error(response, *WRONG_METHOD, headers={"Allow": "POST"})


@pytest.mark.parametrize("path", [f"{PATH}/", "/api/v1/analytics/nothing", "/api/v1/analytics/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_paths_beside_it_are_not_found(api, path, method):
    assert_track_error(api.generic(method, path), *NOT_FOUND, headers={})


def test_a_host_that_is_not_served_is_rejected(api, token):
    response = api.post(PATH, FULL_EVENT, token=token, HTTP_HOST="evil.example")
    assert_track_error(response, 400, "BAD_REQUEST", "Bad request", "common.bad_request")
    assert stored_rows() == []


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "text/html"],
)
def test_other_types_are_rejected(api, token, content_type):
    response = api.post_bytes(PATH, json.dumps(FULL_EVENT), content_type, token=token)
    assert_track_error(response, *WRONG_TYPE)
    assert stored_rows() == []


def test_compressed_bodies_are_not_unpacked(api, token):
    body = gzip.compress(json.dumps(FULL_EVENT).encode())
    response = api.post_bytes(PATH, body, token=token, HTTP_CONTENT_ENCODING="gzip")
    assert_track_error(response, *WRONG_TYPE)


def test_a_body_over_the_limit_is_rejected(api, token):
    response = api.post_bytes(PATH, b"x" * 1_048_577, token=token)
    assert_track_error(response, *TOO_LARGE, variables={"max": 1_048_576})


def test_the_limit_in_force_is_reported(api, token, settings):
    settings.MAX_BODY_BYTES = 20
    assert api.post_bytes(PATH, b'{"event":"12345678"}', token=token).status_code == 200
    response = api.post_bytes(PATH, b'{"event":"123456789"}', token=token)
    assert_track_error(response, *TOO_LARGE, variables={"max": 20})


@pytest.mark.parametrize(("size", "status"), [(200, 200), (5_242_880, 413)])
def test_a_body_without_a_length_is_read_up_to_the_limit(api, token, size, status):
    body = json.dumps({"event": "a", "filling": "x" * size}).encode()
    response = api.post_chunked(PATH, io.BytesIO(body), token=token)
    assert response.status_code == status
    assert len(stored_rows()) == (status == 200)


def test_what_the_client_would_like_to_get_does_not_matter(api, token):
    wishes = {"Accept": "text/html", "X-HTTP-Method-Override": "DELETE", "X-Request-Id": "mine"}
    response = api.post(f"{PATH}?format=xml", FULL_EVENT, token=token, headers=wishes)
    assert_response(response, 200, TRACKED, STORED)


def test_pages_of_other_origins_get_no_permission_to_read(api, token):
    response = api.post(PATH, FULL_EVENT, token=token, HTTP_ORIGIN="https://any.example")
    assert_response(response, 200, TRACKED, STORED)  # which also demands that no CORS header came


# The rate limit


def assert_limited(response):
    seconds = int(response["Retry-After"])
    assert 1 <= seconds <= 60
    assert_rate_limited(response, seconds)


def test_the_61st_request_of_a_window_is_rejected(api, token, clock):
    for n in range(60):
        # Whatever becomes of them, they count; a forwarded address makes nobody another client.
        body = FULL_EVENT if n % 3 else {"event": n}
        response = api.post(PATH, body, token=token, HTTP_X_FORWARDED_FOR=f"203.0.113.{n}")
        assert response.status_code == (200 if n % 3 else 400)
    assert_limited(api.post(PATH, FULL_EVENT, token=token))
    assert len(stored_rows()) == 40
    assert api.post(PATH, FULL_EVENT, token=token, REMOTE_ADDR="198.51.100.1").status_code == 200


def test_requests_rejected_earlier_do_not_count(api, token, clock):
    for _ in range(61):
        assert api.get(PATH).status_code == 405
        assert api.post(PATH, FULL_EVENT, token="junk").status_code == 401
        assert api.post(f"{PATH}/").status_code == 404
    assert api.post(PATH, FULL_EVENT, token=token).status_code == 200


def test_the_limit_is_a_setting(api, token, settings, clock):
    settings.RATE_TRACK = "1/m"
    assert api.post(PATH, FULL_EVENT, token=token).status_code == 200
    assert_limited(api.post(PATH, FULL_EVENT, token=token))


def test_without_the_store_of_the_counters_requests_pass(api, token, settings):
    settings.RATE_TRACK = "1/m"
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert [api.post(PATH, FULL_EVENT, token=token).status_code for _ in range(3)] == [
        200,
        200,
        200,
    ]


# The order of checks


@pytest.mark.parametrize(
    ("method", "as_whom", "used_up", "body", "content_type", "status"),
    [
        ("PUT", "junk", True, b"x" * 1_048_577, "text/html", 405),
        ("POST", "junk", True, b"x" * 1_048_577, "text/html", 401),
        ("POST", "{token}", True, b"x" * 1_048_577, "text/html", 429),
        ("POST", "{token}", False, b"x" * 1_048_577, "text/html", 413),
        ("POST", "{token}", False, b"{", "text/html", 415),
        ("POST", "{token}", False, b"{", "application/json", 400),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("switch", ["true", "false"])
def test_checks_come_in_their_order(
    api, token, settings, clock, method, as_whom, used_up, body, content_type, status, switch
):
    change_settings(tracking_enabled=switch)
    settings.RATE_TRACK = "1/m"
    if used_up:
        api.post(PATH, {}, token=token)
    caller = as_whom.format(token=token)
    response = api.generic(method, PATH, body, content_type, token=caller)
    assert response.status_code == status
    assert stored_rows() == []
