"""CORS: pages of any origin may post events and read the answers, without credentials."""

import json

import pytest
from django.db import OperationalError

from analytics.ingest import commit
from config import runtime
from config.models import RuntimeSettings
from tests.support.cors import EXPOSED, ORIGIN, assert_no_cors, items
from tests.support.events import BATCH_PATH, ID, PATH, event_of

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


def assert_readable(response):
    assert response["Access-Control-Allow-Origin"] == "*"
    assert items(response, "Access-Control-Expose-Headers") == EXPOSED
    assert "Access-Control-Allow-Credentials" not in response


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


def away(target, group):
    raise OperationalError("the analytics database is away")


def crash(target, group):
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
        (500, {}, {"store_group": crash}),
        (503, {}, {"store_group": away}),
    ],
    ids=lambda value: str(value)[:25],
)
@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_pages_can_read_every_response(api, website, monkeypatch, path, status, changes, extra):
    extra = {"method": "POST", "content_type": "application/json"} | extra
    if store := extra.pop("store_group", None):
        monkeypatch.setattr(commit, "store_group", store)
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
