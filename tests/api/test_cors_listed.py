"""CORS: pages of CORS_ALLOWED_ORIGINS may use the other routes, but those that live by a cookie."""

import pytest

from config.api.cors import parse_origins
from tests.support.cors import EXPOSED, ORIGIN, assert_no_cors, items
from tests.support.events import ID, PATH

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

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
