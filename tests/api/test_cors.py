"""CORS: pages of any origin may post events and read the answers, without credentials.

Pages of CORS_ALLOWED_ORIGINS may use the other routes, but those that live by a cookie.
"""

import json

import pytest
from django.db import OperationalError

from analytics.ingest import commit
from config import runtime
from config.api.cors import parse_origins
from config.models import RuntimeSettings
from tests.support.events import BATCH_PATH, ID, PATH, event_of

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

ORIGIN = "https://any.example"
EXPOSED = {"X-Request-Id", "X-Event-Outcome", "Retry-After"}


def items(response, header):
    return {item.strip() for item in response.get(header, "").split(",") if item.strip()}


def assert_readable(response):
    assert response["Access-Control-Allow-Origin"] == "*"
    assert items(response, "Access-Control-Expose-Headers") == EXPOSED
    assert "Access-Control-Allow-Credentials" not in response


def assert_no_cors(response):
    assert [name for name in response.headers if name.lower().startswith("access-control-")] == []


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
@pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:3000", "null", "capacitor://x"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "nonsense"])
def test_a_preflight_allows_every_origin(api, path, origin, method):
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    response = api.options(path, headers=headers)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Max-Age"] == "86400"
    assert items(response, "Access-Control-Allow-Methods") >= {
        *("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"),
    }
    assert items(response, "Access-Control-Allow-Headers") == {"accept", "content-type"}
    assert "Access-Control-Allow-Credentials" not in response
    assert response["X-Request-Id"]
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "application/json"


def allowed_headers(api, path, requested, **headers):
    headers |= {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": requested,
    }
    response = api.options(path, headers={"Origin": ORIGIN} | headers)
    assert (response.status_code, response.content) == (200, b"")
    return response["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("requested", "allowed"),
    [
        ("baggage, sentry-trace, traceparent, x-datadog-trace-id",) * 2,
        ("baggage,traceparent", "baggage, traceparent"),
        ("X_Odd!#$%&'*+.^`|~9", "X_Odd!#$%&'*+.^`|~9"),
        ("a b, x;y, <b>, traceparent, é, ,", "traceparent"),
        ("", "accept, content-type"),
        ("é, a b", "accept, content-type"),
    ],
)
def test_a_preflight_allows_the_headers_that_monitoring_adds(api, requested, allowed):
    assert allowed_headers(api, PATH, requested) == allowed


def test_a_preflight_allows_no_more_than_4_kb_of_headers(api):
    allowed = allowed_headers(api, PATH, ",".join(f"x-{n:03}" for n in range(5000)))
    assert len(allowed) <= 4096
    assert allowed.split(", ")[:2] == ["x-000", "x-001"]
    assert len(allowed.split(", ")) > 580
    assert allowed_headers(api, PATH, "x" * 5000) == "accept, content-type"


def test_a_preflight_without_an_origin_is_one(api):
    response = api.options(PATH, headers={"Access-Control-Request-Method": "POST"})
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "path",
    ["/api/v1/websites", "/api/v1/auth/login", "/api/v1/auth/me", f"{PATH}/{ID}", "/health/live"],
)
def test_other_routes_reject_preflights(api, path):
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    response = api.options(path, headers=headers)
    body = {"error": "METHOD_NOT_ALLOWED", "message": "Method not allowed"}
    assert (response.status_code, response.json()) == (405, body)
    assert_no_cors(response)


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_options_without_a_method_is_no_preflight(api, path):
    response = api.options(path, headers={"Origin": ORIGIN})
    assert response.status_code == 405
    assert_readable(response)


def away(rows):
    raise OperationalError("the analytics database is away")


def crash(rows):
    raise RuntimeError("a secret")


@pytest.mark.parametrize(
    ("status", "changes", "extra"),
    [
        (201, {}, {}),
        (201, {}, {"content_type": "text/plain"}),
        (400, {"url": "x"}, {}),
        (400, {}, {"HTTP_HOST": "evil.example"}),
        (404, {"trackingCode": "pm-nobody"}, {}),
        (405, {}, {"method": "PUT"}),
        (413, {"filling": "x" * 4_194_304}, {}),
        (415, {}, {"content_type": "text/html"}),
        (500, {}, {"copy_rows": crash}),
        (503, {}, {"copy_rows": away}),
    ],
    ids=lambda value: str(value)[:25],
)
@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_pages_can_read_every_response(api, website, monkeypatch, path, status, changes, extra):
    extra = {"method": "POST", "content_type": "application/json"} | extra
    if store := extra.pop("copy_rows", None):
        monkeypatch.setattr(commit, "copy_rows", store)
    event = event_of(website, **changes)
    body = json.dumps(event if path == PATH else {"events": [event]}).encode()
    method, content_type = extra.pop("method"), extra.pop("content_type")
    response = api.generic(method, path, body, content_type, HTTP_ORIGIN=ORIGIN, **extra)
    if (path, status) == (BATCH_PATH, 404):
        status = 207
    assert response.status_code == status
    assert_readable(response)


@pytest.mark.parametrize(
    ("status", "code"), [(200, "{code}"), (400, ""), (404, "pm-nobody"), (401, "{code}")]
)
def test_pages_can_read_the_list(api, website, status, code):
    if status == 401:
        RuntimeSettings(pk=1, public_event_reads="false").save()
        runtime.expire()
    query = {"trackingCode": code.format(code=website.tracking_code)}
    response = api.get(PATH, query, headers={"Origin": ORIGIN})
    assert response.status_code == status
    assert_readable(response)


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_without_an_origin_there_is_no_cors_header(api, path):
    assert_no_cors(api.post(path, {}))


@pytest.mark.parametrize(
    "path",
    [
        f"{PATH}/",
        f"{BATCH_PATH}/",
        f"{PATH}/{ID}",
        f"{PATH}%0A",
        "/api/v1/eventsx",
        "/api/v1/websites",
        "/api/v1/auth/me",
        "/health/live",
        "/nothing",
    ],
)
def test_other_routes_send_no_cors_header(api, path):
    assert_no_cors(api.get(path, headers={"Origin": ORIGIN}))


OTHER_ROUTES = [
    ("GET", "/api/v1/websites", 401),
    ("POST", "/api/v1/auth/login", 400),
    ("DELETE", "/api/v1/auth/login", 405),
    ("GET", "/api/v1/auth/me", 401),
    ("GET", f"{PATH}/{ID}", 404),
    ("POST", "/api/v1/analytics/track", 401),
    ("PATCH", f"/api/v1/analytics/session/{ID}/identify", 401),
    ("POST", "/api/v1/analytics", 401),
    ("POST", "/api/v1/analytics/batch", 401),
    ("GET", "/api/v1/analytics/health", 200),
    ("GET", "/api/schema/", 200),
]
COOKIE_ROUTES = ["/api/analytics/collect", "/api/v1/auth/session"]
OUTSIDE = ["/health/live", "/metrics", "/accounts/login/", "/nothing", "/api"]
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, traceparent",
}


@pytest.fixture
def list_origins(settings):
    """List origins as the environment variable does."""

    def list_origins(text):
        settings.CORS_ALLOWED_ORIGINS = parse_origins(text.split(","))

    return list_origins


@pytest.mark.parametrize(("method", "path", "status"), OTHER_ROUTES)
@pytest.mark.parametrize("listed", [f"https://b.example,{ORIGIN}", "*"])
def test_a_listed_origin_may_use_the_other_routes(api, list_origins, method, path, status, listed):
    list_origins(listed)
    response = api.generic(method, path, headers={"Origin": ORIGIN})
    assert response.status_code == status
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert items(response, "Access-Control-Expose-Headers") == EXPOSED
    assert "Origin" in items(response, "Vary")
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.parametrize("path", [path for _, path, _ in OTHER_ROUTES])
def test_a_listed_origin_gets_its_preflights(api, list_origins, path):
    list_origins(ORIGIN)
    response = api.options(path, headers={"Origin": ORIGIN} | PREFLIGHT)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert response["Access-Control-Allow-Headers"] == "authorization, traceparent"
    assert response["Access-Control-Max-Age"] == "86400"
    assert items(response, "Access-Control-Allow-Methods") >= {"GET", "POST", "PUT", "DELETE"}
    assert "Origin" in items(response, "Vary")
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "http://any.example", f"{ORIGIN}:8443", f"{ORIGIN}.evil.example"),
        *("null", "", f"{ORIGIN}/", "https://any.example evil", "é"),
    ],
)
def test_an_origin_that_is_not_listed_may_use_none_of_them(api, list_origins, origin):
    list_origins(ORIGIN)
    for method, path, status in OTHER_ROUTES:
        response = api.generic(method, path, headers={"Origin": origin})
        assert response.status_code == status
        assert_no_cors(response)
        preflight = api.options(path, headers={"Origin": origin} | PREFLIGHT)
        assert preflight.status_code == 405
        assert_no_cors(preflight)


@pytest.mark.parametrize("path", COOKIE_ROUTES)
def test_routes_that_live_by_a_cookie_are_open_to_no_origin(api, list_origins, path):
    list_origins(f"*,{ORIGIN}")
    assert_no_cors(api.post(path, {}, headers={"Origin": ORIGIN}))
    preflight = api.options(path, headers={"Origin": ORIGIN} | PREFLIGHT)
    assert preflight.status_code == 405
    assert_no_cors(preflight)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_listed_origin_may_use_nothing_outside_of_the_apis(api, list_origins, path):
    list_origins(ORIGIN)
    assert_no_cors(api.get(path, headers={"Origin": ORIGIN}))
    assert_no_cors(api.options(path, headers={"Origin": ORIGIN} | PREFLIGHT))


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/analytics/nothing"])
def test_an_unknown_path_answers_no_preflight(api, list_origins, path):
    list_origins(ORIGIN)
    response = api.options(path, headers={"Origin": ORIGIN} | PREFLIGHT)
    assert response.status_code == 404


@pytest.mark.parametrize("origin", ["null", "http://localhost:3000", "capacitor://localhost"])
def test_a_star_lists_every_origin(api, list_origins, origin):
    list_origins("*")
    response = api.get("/api/v1/auth/me", headers={"Origin": origin})
    assert response["Access-Control-Allow-Origin"] == origin


def test_a_public_route_stays_open_to_all(api, list_origins):
    list_origins(ORIGIN)
    for origin in (ORIGIN, "https://other.example"):
        response = api.post(PATH, {}, headers={"Origin": origin})
        assert response["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("https://APP.example:443", {"https://app.example"}),
        (
            "http://a.example:80,http://a.example:8080",
            {"http://a.example", "http://a.example:8080"},
        ),
        (
            "https://[::1]:8000, capacitor://localhost",
            {"https://[::1]:8000", "capacitor://localhost"},
        ),
        ("*", {"*"}),
    ],
)
def test_origins_may_be_written_in_any_usual_way(text, origins):
    assert parse_origins(text.split(",")) == origins


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example/",
        "https://a.example/x",
        "a.example",
        "null",
        "",
        "https://",
        "https://*.a",
    ],
)
def test_what_is_no_origin_is_rejected_at_the_start(text):
    with pytest.raises(ValueError, match="is not an origin"):
        parse_origins([text])
