"""REQUIRE_HTTPS"""

from ipaddress import ip_network
from uuid import UUID

import pytest

from tests.support.api import Api

MESSAGE = "HTTPS is required"
FAR = "192.0.2.1"
PROXY = "10.0.0.1"
FLAT = {"error": "FORBIDDEN", "message": MESSAGE}
TRACK = {
    "success": False,
    "error": {
        "code": "FORBIDDEN",
        "message": MESSAGE,
        "i18nKey": "common.forbidden",
        "i18nVars": {},
        "details": [],
    },
}
INGEST = {
    "/api/v1/events": FLAT,
    "/api/v1/events/batch": FLAT,
    "/api/v1/analytics/track": TRACK,
    "/api/v1/analytics/session": TRACK,
    "/api/v1/activity/events": {"error": {"code": "FORBIDDEN", "message": MESSAGE}},
    "/api/v1/analytics": {"detail": MESSAGE},
    "/api/analytics/collect": {"success": False, "error": MESSAGE},
}


@pytest.fixture(autouse=True)
def _required(settings):
    settings.REQUIRE_HTTPS = True
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]


@pytest.mark.parametrize("path", INGEST)
def test_ingest_in_clear_is_refused_in_the_dialect_and_can_be_read_by_pages(path):
    response = Api(REMOTE_ADDR=FAR).post(path, {}, headers={"Origin": "https://page.example"})
    body = response.json()
    if path in ("/api/v1/analytics/track", "/api/v1/analytics/session"):
        assert UUID(body["error"].pop("correlationId"))
    assert (response.status_code, body) == (403, INGEST[path])
    assert response["X-Event-Outcome"] == "rejected"
    is_public = path not in (
        "/api/v1/analytics/track",
        "/api/v1/analytics",
        "/api/analytics/collect",
    )
    assert response.get("Access-Control-Allow-Origin") == ("*" if is_public else None)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/auth/me", FLAT),
        ("/api/v1/websites/x/stats", FLAT),
        ("/api/v1/dashboard/metrics", {"error": MESSAGE}),
        ("/tracker.js", FLAT),
        ("/metrics", FLAT),
        ("/nowhere", FLAT),
    ],
)
def test_reads_in_clear_are_refused_without_an_outcome(path, body):
    response = Api(REMOTE_ADDR=FAR).get(path)
    assert (response.status_code, response.json()) == (403, body)
    assert "X-Event-Outcome" not in response


@pytest.mark.parametrize(
    "path", ["/", "/admin/?a=b", "/accounts/login/", "/static/x", "/api/docs/"]
)
def test_pages_are_redirected(path):
    response = Api(REMOTE_ADDR=FAR).get(path)
    assert (response.status_code, response["Location"]) == (301, f"https://testserver{path}")


@pytest.mark.parametrize(
    ("path", "address", "headers", "status"),
    [
        ("/health/live", FAR, {}, 200),
        ("/nowhere", "127.0.0.1", {}, 404),
        ("/nowhere", "::1", {}, 404),
        ("/nowhere", "127.0.0.1", {"X-Forwarded-For": FAR}, 403),
        ("/nowhere", "127.0.0.1", {"X-Forwarded-For": ""}, 403),
        ("/nowhere", "127.0.0.1", {"X-Forwarded-Proto": "http"}, 403),  # a proxy that is not named
        ("/nowhere", "127.0.0.1", {"X-Forwarded-Host": "testserver"}, 403),
        ("/metrics", "127.0.0.1", {"X-Forwarded-Proto": "https"}, 403),
        ("/nowhere", PROXY, {"X-Forwarded-Proto": "https"}, 404),
        ("/nowhere", PROXY, {"X-Forwarded-Proto": "http"}, 403),
        ("/nowhere", FAR, {"X-Forwarded-Proto": "https"}, 403),  # no proxy of ours
        ("/nowhere", FAR, {"Host": "elsewhere.example"}, 400),
    ],
)
def test_who_may_come_without(path, address, headers, status):
    assert Api(REMOTE_ADDR=address).get(path, headers=headers).status_code == status


def test_a_connection_of_tls_itself_counts():
    assert Api(REMOTE_ADDR=FAR).get("/nowhere", secure=True).status_code == 404
