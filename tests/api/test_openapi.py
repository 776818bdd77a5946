"""The OpenAPI description and the page that shows it"""

import json
import re
from io import StringIO

import msgspec
import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver

from config.api.bodies import Csv
from config.api.fields import StrictField
from config.api.openapi.document import document
from config.api.outcomes import Outcome
from config.api.registry import APIS
from config.api.view import METHODS, ApiView, endpoint_of
from tests.support.openapi import assert_described, validator
from tests.support.responses import assert_error, run_concurrently

SCHEMA, DOCS = "/api/schema/", "/api/docs/"
JSON, YAML = "application/json", "application/yaml"


def routes(patterns, prefix="/"):
    """Yield the path and the view of everything that is routed."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path, getattr(pattern.callback, "cls", None)


def responses_of(view, method):
    """Yield the shapes of an endpoint's successes."""
    for shape in endpoint_of(view, method).responses.values():
        yield from shape if isinstance(shape, tuple) else (shape,)


ENDPOINTS = [
    (re.sub(r"<\w+:(\w+)>", r"{\1}", path), method, view)
    for path, view in routes(get_resolver().url_patterns)
    if isinstance(view, type) and issubclass(view, ApiView)
    for method in METHODS
    if hasattr(view, method.lower())
]
NAMES = [f"{method} {path}" for path, method, view in ENDPOINTS]
RESPONSES = [shape for _, method, view in ENDPOINTS for shape in responses_of(view, method)]
BODIES = [shape for shape in dict.fromkeys(RESPONSES) if shape not in (None, str, Csv)]
OPERATIONS = {
    operation["operationId"]: operation
    for methods in document()["paths"].values()
    for operation in methods.values()
}


def test_the_schema_is_generated_without_warnings():
    written = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=written)
    assert yaml.safe_load(written.getvalue()) == document()


def test_there_is_something_to_look_at():
    assert {"POST /api/v1/events", "GET /health/live"} <= set(NAMES)
    assert document()["openapi"].startswith("3.1.")


@pytest.mark.parametrize(("path", "method", "view"), ENDPOINTS, ids=NAMES)
def test_every_endpoint_has_a_summary_and_responses(path, method, view):
    """An endpoint that fails here lacks `responses=` in its decorator, or a docstring."""
    operation = document()["paths"][path][method.lower()]
    assert endpoint_of(view, method).responses
    assert operation["summary"]
    assert operation["tags"][0] in {api.name for api in APIS}
    assert {"400", "405", "413", "500"} <= operation["responses"].keys()


def test_every_tag_is_in_use():
    assert {operation["tags"][0] for operation in OPERATIONS.values()} == {api.name for api in APIS}


@pytest.mark.django_db(databases=["default", "analytics"])
@pytest.mark.parametrize(("path", "method", "view"), ENDPOINTS, ids=NAMES)
def test_what_an_example_shows_is_taken(path, method, view):
    for taker in endpoint_of(view, method).serializers if method != "GET" else ():
        assert taker.to_internal_value(taker.example)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__qualname__)
def test_the_example_of_a_body_is_what_is_sent(body):
    """Same keys in the same order, same values."""
    sent = msgspec.json.encode(msgspec.convert(body.example, body))
    assert sent == msgspec.json.encode(body.example)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_example_of_a_body_matches_its_schema(operation):
    requests = operation.get("requestBody", {}).get("content", {})
    responses = [each.get("content", {}) for each in operation["responses"].values()]
    for content in [part for each in (requests, *responses) for part in each.values()]:
        check = validator(json.dumps(content["schema"]))
        for example in content.get("examples", {}).values():
            check.validate(example["value"])


@pytest.mark.parametrize(
    ("field", "taken", "refused"),
    [
        ("trackingCode", "pm-1", "xm-1"),
        ("eventType", "click", "scroll"),
        ("url", "capacitor://localhost", "example.com"),
        ("referrer", "", "example.com"),
        ("referrer", None, 5),
        ("sessionId", "é" * 255, "é" * 256),
        ("browser", None, 5),
        ("deviceType", None, "tv"),
        ("timestamp", 1_769_630_400_000.5, 1_769_630_400),
        ("properties", {}, []),
        ("id", "019C0630-fe00-70c8-aa3a-de3497964cb8", "019c0630-fe00-40c8-aa3a-de3497964cb8"),
    ],
)
def test_rules_of_fields_are_part_of_the_schema(field, taken, refused):
    properties = document()["components"]["schemas"]["EventsEvent"]["properties"]
    check = validator(json.dumps(properties[field]))
    assert check.is_valid(taken)
    assert not check.is_valid(refused)


def test_all_rules_of_one_kind_are_part_of_the_schema():
    properties = document()["components"]["schemas"]["AccountsRegister"]["properties"]
    check = validator(json.dumps(properties["password"]))
    assert check.is_valid("SecurePass123")
    for weak in ("securepass123", "SECUREPASS123", "SecurePass", "Secur3", "S3" + "x" * 127):
        assert not check.is_valid(weak)


def test_a_strict_field_must_describe_itself():
    class Unknown(StrictField):
        pass

    with pytest.raises(AttributeError, match="schema"):
        Unknown().json_schema()


@pytest.mark.parametrize(
    ("path", "media_types"),
    [
        ("/api/v1/events", [JSON, "text/plain", "application/x-www-form-urlencoded"]),
        ("/api/v1/analytics/track", [JSON]),
    ],
)
def test_public_routes_take_more_types(path, media_types):
    assert [*document()["paths"][path]["post"]["requestBody"]["content"]] == media_types


@pytest.mark.parametrize(
    ("path", "method", "security"),
    [
        ("/api/v1/events", "post", None),
        ("/api/v1/events", "get", [{}, {"bearer": []}]),
        ("/api/v1/websites", "get", [{"bearer": []}]),
        ("/api/v1/analytics/track", "post", [{"bearer": []}, {"session": []}]),
        ("/api/analytics/collect", "post", [{"session": []}]),
    ],
)
def test_an_operation_describes_its_authentication(path, method, security):
    assert document()["paths"][path][method].get("security") == security


@pytest.mark.parametrize(
    ("path", "method", "limit"),
    [
        ("auth/register", "post", "`10/m` (`RATE_AUTH`)"),
        ("auth/login", "post", "`10/m` for all ways to log in together (`RATE_AUTH`)"),
        ("auth/session", "post", "`10/m` for all ways to log in together (`RATE_AUTH`)"),
        ("analytics/track", "post", "`60/m` (`RATE_TRACK`)"),
        (
            *("analytics/session", "post"),
            "`10/m` for each User-Agent of a client address, "
            "and 20 times as much for each client address (`RATE_SESSION`)",
        ),
        (
            *("analytics/pageview", "post"),
            "`30/m` for each session, and 20 times as much for each client address "
            "(`RATE_PAGEVIEW`)",
        ),
        (
            *("analytics/pageview/{id}/leave", "patch"),
            "`10/m` for each page view, and 20 times as much for each client address "
            "(`RATE_LEAVE`)",
        ),
        (
            *("analytics/session/{id}/heartbeat", "patch"),
            "`5/30s` for each session, and 20 times as much for each client address "
            "(`RATE_HEARTBEAT`)",
        ),
        (
            *("websites/{id}/stats", "get"),
            "`120/m` for each user or share for all statistics together (`RATE_STATS`)",
        ),
    ],
)
def test_an_operation_describes_its_limit(path, method, limit):
    operation = document()["paths"][f"/api/v1/{path}"][method]
    assert operation["description"].endswith(f"Limit: {limit}.")
    assert "Retry-After" in operation["responses"]["429"]["headers"]


def test_an_ingest_route_lists_its_outcomes():
    responses = document()["paths"]["/api/v1/events"]["post"]["responses"]
    headers = {
        status: response["headers"].get("X-Event-Outcome") for status, response in responses.items()
    }
    assert headers["201"] == {"$ref": "#/components/headers/X-Event-Outcome"}
    assert headers["404"]["schema"]["enum"] == ["rejected"]
    assert headers["503"]["schema"]["enum"] == ["dropped; reason=write_failed"]
    assert headers["405"] is None
    whole = document()["components"]["headers"]["X-Event-Outcome"]["schema"]["enum"]
    assert whole == [outcome.value for outcome in Outcome]


def test_an_error_is_in_the_dialect_of_its_endpoint():
    responses = document()["paths"]["/api/v1/events"]["post"]["responses"]
    [conflict] = responses["409"]["content"][JSON]["examples"].values()
    assert conflict["value"] == {"error": "CONFLICT", "message": "Event id already in use"}
    assert responses["405"]["headers"].keys() >= {"Allow", "X-Request-Id"}
    assert "Retry-After" in responses["503"]["headers"]
    assert "Retry-After" in responses["429"]["headers"]
    assert "429" not in document()["paths"]["/api/v1/websites"]["post"]["responses"]


@pytest.fixture
def answered(api, website):
    """A real response and its description."""
    return api.get("/api/v1/events", {"trackingCode": website.tracking_code})


def spoilt_status(response):
    response.status_code = 202


def spoilt_type(response):
    response["Content-Type"] = "text/html"


def spoilt_body(response):
    response.content = json.dumps(response.json() | {"more": 1}).encode()


def lost_header(response):
    del response["X-Request-Id"]


def wrong_header(response):
    response["Cache-Control"] = "public"


def surplus_header(response):
    response["Retry-After"] = "5"


@pytest.mark.parametrize(
    "spoil",
    [spoilt_status, spoilt_type, spoilt_body, lost_header, wrong_header, surplus_header],
)
def test_a_response_that_is_not_described_is_found(answered, spoil):
    assert_described(answered)
    spoil(answered)
    with pytest.raises(AssertionError):
        assert_described(answered)


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("", None, JSON),
        ("", "text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("", "image/png", JSON),
        ("", "application/yaml", YAML),
        ("", "application/json;q=0.5, application/yaml", YAML),
        ("", "application/vnd.oai.openapi", "application/vnd.oai.openapi"),
        ("", "application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
        ("?format=yaml", "application/json", YAML),
        ("?format=json", "application/yaml", JSON),
        ("?format=xml", None, JSON),
    ],
)
def test_the_schema_is_served_in_the_requested_format(api, query, accept, media_type):
    response = api.get(SCHEMA + query, headers={"Accept": accept} if accept else {})
    assert (response.status_code, response["Content-Type"]) == (200, media_type)
    assert response["Cache-Control"] == "no-store"
    assert "X-Request-Id" in response
    read = json.loads if "json" in media_type else yaml.safe_load
    assert read(response.content) == document()


def test_the_page_loads_nothing_from_other_hosts(api):
    response = api.get(DOCS)
    assert response.status_code == 200
    page = response.text
    assert "X-Request-Id" in response
    assert "//" not in page.replace("<!--", "")
    static = re.findall(r'(?:src|href)="/static/([^"]+)"', page)
    assert len(static) == 4
    assert "<script>" not in page  # the policy of pages forbids it
    for path in static:
        assert finders.find(path)
    assert '"url": "/api/schema/?format=json"' in page
    assert '"validatorUrl": null' in page


@pytest.mark.parametrize("path", [SCHEMA, DOCS])
def test_pages_can_only_be_read(api, path):
    assert api.head(path).status_code == 200
    for method in ("post", "put", "patch", "delete", "options"):
        response = getattr(api, method)(path)
        allow = {"Allow": "GET, HEAD"}
        assert_error(response, 405, "METHOD_NOT_ALLOWED", "Method not allowed", allow)


@pytest.mark.parametrize("path", [SCHEMA, DOCS])
def test_the_description_can_be_private(api, settings, path):
    settings.API_DOCS = False
    assert_error(api.get(path), 404, "NOT_FOUND", "Route not found")


@pytest.mark.parametrize("path", [SCHEMA[:-1], DOCS[:-1]])
def test_paths_of_pages_are_exact_too(api, path):
    assert_error(api.get(path), 404, "NOT_FOUND", "Route not found")


def test_threads_may_ask_for_the_document_at_once():
    document.cache_clear()
    first, *others = run_concurrently(*[document] * 2)
    assert all(other == first for other in others)
