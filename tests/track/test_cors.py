"""CORS of the track API"""

import pytest

from tests.support.sessions import (
    PAGE_VIEW,
    SESSION,
    TOO_LONG,
    UNKNOWN_ID,
    leave_path,
    session_of,
    session_path,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

ORIGIN = {"Origin": "https://any.example"}
PUBLIC = [
    (SESSION, "POST"),
    (PAGE_VIEW, "POST"),
    (leave_path(UNKNOWN_ID), "PATCH"),
    (leave_path(UNKNOWN_ID), "POST"),
    (leave_path("%0A"), "POST"),
    (session_path(UNKNOWN_ID, "heartbeat"), "PATCH"),
]
PRIVATE = [
    session_path(UNKNOWN_ID, "identify"),
    "/api/v1/analytics/track",
    f"{SESSION}/",
    f"{SESSION}%0A",
    f"{SESSION}x",
    f"{PAGE_VIEW}/{UNKNOWN_ID}",
    f"{leave_path(UNKNOWN_ID)}/",
    f"{PAGE_VIEW}/a/b/leave",
    f"{SESSION}/{UNKNOWN_ID}/leave",
]


def cors(response):
    return {
        name.lower(): value
        for name, value in response.headers.items()
        if name.lower().startswith("access-control-")
    }


def assert_readable(response):
    result = cors(response)
    assert result.pop("access-control-allow-origin") == "*"
    exposed = {name.strip() for name in result.pop("access-control-expose-headers").split(",")}
    assert exposed == {"X-Request-Id", "X-Event-Outcome", "Retry-After"}
    assert result == {}


@pytest.mark.parametrize(("path", "method"), PUBLIC)
def test_a_preflight_allows_every_origin(api, path, method):
    response = api.options(path, headers=ORIGIN | {"Access-Control-Request-Method": method})
    assert (response.status_code, response.content) == (200, b"")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Max-Age"] == "86400"
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.parametrize("path", PRIVATE)
def test_other_routes_send_no_cors_header(api, path):
    response = api.options(path, headers=ORIGIN | {"Access-Control-Request-Method": "PATCH"})
    assert response.status_code in (404, 405)
    assert cors(response) == cors(api.get(path, headers=ORIGIN)) == {}


@pytest.mark.usefixtures("clock")
def test_pages_can_read_every_response(api, settings, monkeypatch):
    settings.RATE_SESSION = "5/m"

    def answers():
        yield 200, api.post(SESSION, session_of(), headers=ORIGIN)
        yield 400, api.post(SESSION, {}, headers=ORIGIN)
        yield 413, api.post_bytes(SESSION, b"x" * TOO_LONG, "text/html", headers=ORIGIN)
        yield 415, api.post_bytes(SESSION, b"x", "text/html", headers=ORIGIN)
        monkeypatch.setattr("analytics.sessions.api.require_human", None)
        yield 500, api.post(SESSION, session_of(), headers=ORIGIN)
        yield 429, api.post(SESSION, session_of(), headers=ORIGIN)
        yield 405, api.get(SESSION, headers=ORIGIN)
        yield 200, api.post(leave_path("x"), {"duration": 1}, headers=ORIGIN)
        yield 200, api.patch(session_path("x", "heartbeat"), headers=ORIGIN)
        yield 400, api.post(PAGE_VIEW, {}, headers=ORIGIN)

    for status, response in answers():
        assert response.status_code == status
        assert_readable(response)


@pytest.mark.parametrize(("path", "method"), PUBLIC)
def test_without_an_origin_there_is_no_cors_header(api, path, method):
    assert cors(api.generic(method, path)) == {}
