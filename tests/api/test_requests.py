"""Paths, methods, hosts, headers and bodies of accounts and websites"""

import gzip
import json
from io import BytesIO

import pytest

from tests.support.accounts import PASSWORD
from tests.support.api import Api
from tests.support.bodies import CountingBody
from tests.support.responses import assert_error, assert_invalid, assert_response
from websites.models import Website

pytestmark = pytest.mark.django_db

LOGIN, WEBSITES = "/api/v1/auth/login", "/api/v1/websites"
GOOD = json.dumps({"email": "user@example.com", "password": PASSWORD}).encode()
LIMIT = 1_048_576
UNKNOWN = (404, "NOT_FOUND", "Route not found")
TOO_LARGE = (413, "PAYLOAD_TOO_LARGE", "Request body is too large")
WRONG_TYPE = (415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type")


@pytest.fixture
def post(api, user):
    """Log in with these bytes as the body."""

    def send(body=GOOD, **more):
        return api.post_bytes(LOGIN, body, **more)

    return send


def of_size(size):
    """Return a good body, filled to a size."""
    return GOOD[:-1] + b', "filling": "' + b"x" * (size - len(GOOD) - 15) + b'"}'


def track_error(code, message, i18n_key):
    return {
        "success": False,
        "error": {
            "code": code,
            "message": message,
            "i18nKey": i18n_key,
            "i18nVars": {},
            "details": [],
        },
    }


def assert_track_refused(response, status, *words):
    expected = track_error(*words)
    expected["error"]["correlationId"] = response["X-Request-Id"]
    assert_response(response, status, expected)


# Paths and methods: rows 1 to 8 and 24 of the contract


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/auth/login/", "/api/v1/websites/", "/api/analytics/collect/"),
        *("/API/V1/AUTH/LOGIN", "//api/v1/auth/login", "/api/v2/events", "/nothing", "/api"),
        *("/api/v1/websites/a/b", "/api/v1/auth/login/%2F", "/api/v1/auth/%00", "/%FF"),
    ],
)
def test_unknown_paths_are_json_errors_without_a_redirect(api, method, path):
    assert_error(getattr(api, method)(path), *UNKNOWN)


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
@pytest.mark.parametrize(
    "path", ["/api/v1/analytics/track/", "/api/v1/analytics/", "/api/v1/analytics/nothing"]
)
def test_unknown_paths_of_track_are_errors_of_its_dialect(api, method, path):
    words = ("NOT_FOUND", "Route not found", "common.not_found")
    assert_track_refused(getattr(api, method)(path), 404, *words)


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_a_target_that_is_no_path_is_unknown(api, method):
    response = api.generic(method, "/", PATH_INFO="*")
    assert_error(response, *UNKNOWN)


def test_head_is_get_without_a_body(api, token):
    response = api.head(WEBSITES, token=token)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", ""])
@pytest.mark.parametrize("query", ["", "?format=xml", "?format=api", "?_method=DELETE"])
def test_responses_are_json_whatever_is_requested(api, token, accept, query):
    response = api.get(WEBSITES + query, token=token, headers={"Accept": accept})
    assert_response(response, 200, {"websites": [], "total": 0})


def test_method_overrides_are_ignored(api, token, website):
    headers = {"X-HTTP-Method-Override": "DELETE"}
    response = api.get(f"{WEBSITES}/{website.id}", token=token, headers=headers)
    assert response.json()["id"] == str(website.id)
    assert Website.objects.get() == website


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "a b", "x:y:z", ""])
@pytest.mark.parametrize("path", [LOGIN, "/nothing", "/health/live", "/metrics"])
def test_other_hosts_are_rejected(api, path, host):
    assert_error(api.post(path, HTTP_HOST=host), 400, "BAD_REQUEST", "Bad request")


def test_other_hosts_are_rejected_in_the_dialect_of_the_path(api):
    response = api.post("/api/v1/analytics/nothing", HTTP_HOST="evil.example")
    assert_track_refused(response, 400, "BAD_REQUEST", "Bad request", "common.bad_request")


@pytest.mark.parametrize("path", [LOGIN, WEBSITES])
def test_these_routes_reject_preflights(api, path):
    headers = {"Origin": "https://any.example", "Access-Control-Request-Method": "POST"}
    response = api.options(path, headers=headers)
    allow = {"Allow": "POST" if path == LOGIN else "GET, POST, HEAD"}
    assert_error(response, 405, "METHOD_NOT_ALLOWED", "Method not allowed", allow)


def test_these_routes_have_no_cors_headers(post):
    response = post(headers={"Origin": "https://any.example"})
    assert response.status_code == 200
    assert not any(name.startswith("Access-Control-") for name in response.headers)


def test_the_id_of_a_request_is_the_servers_own(post):
    chosen = "7a1c0c52-5a5e-4a37-9a1f-2f0a6f0a9c33"
    ids = {post(headers={"X-Request-Id": chosen})["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    assert chosen not in ids


# Bodies: rows 9 to 22


@pytest.mark.parametrize(
    "content_type",
    [
        *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"),
        *("text/plain;charset=UTF-8", "application/jsonp", "application/vnd.api+json", "nonsense"),
    ],
)
def test_a_body_of_another_type_is_rejected(post, content_type):
    assert_error(post(content_type=content_type), *WRONG_TYPE)


@pytest.mark.parametrize(
    "content_type",
    [
        *("application/json", "application/json; charset=latin1", "APPLICATION/JSON"),
        *("application/json;charset=nonsense", " application/json ; a=b", ""),
    ],
)
def test_json_is_read_as_utf8_whatever_its_parameters(post, user, content_type):
    user.set_password("Größe123")
    user.save()
    body = json.dumps({"email": user.email, "password": "Größe123"}, ensure_ascii=False)
    assert post(body.encode(), content_type=content_type).status_code == 200


@pytest.mark.django_db(databases=["default", "analytics"])
@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("/api/v1/analytics/session", {"visitorId": "a=1&b=%41+c", "consentAnalytics": "granted"}),
        ("/api/v1/analytics/pageview/x/leave", {"duration": 1}),
        ("/api/v1/events/batch", {"events": [{"a": "b&c=d"}]}),
        ("/api/v1/activity/events", {"type": "click", "page": "/?a=1&b=%41+c"}),
    ],
)
def test_no_part_of_the_service_reads_a_body_of_curl_as_a_form(user, path, event):
    """A browser's session and its CSRF cookie are what could make Django look for a form."""
    api = Api(enforce_csrf_checks=True)
    api.post_bytes("/api/v1/auth/session", GOOD)
    api.cookies["csrftoken"] = "x" * 32
    body = json.dumps(event).encode()
    as_json = api.post_bytes(path, body)
    as_form = api.post_bytes(path, body, "application/x-www-form-urlencoded")
    assert as_form.status_code == as_json.status_code
    assert as_form["X-Event-Outcome"] == as_json["X-Event-Outcome"]
    if as_form.status_code == 400:
        assert as_form.json() == as_json.json()


@pytest.mark.parametrize("content_type", ["text/html", "application/x-www-form-urlencoded"])
def test_an_empty_body_has_no_type(post, content_type):
    fields = {"email": ["Required"], "password": ["Required"]}
    assert_invalid(post(b"", content_type=content_type), fields=fields)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "nonsense"])
def test_encoded_bodies_are_rejected(post, encoding):
    headers = {"Content-Encoding": encoding}
    assert_error(post(gzip.compress(GOOD), headers=headers), *WRONG_TYPE)


def test_identity_is_no_encoding(post):
    assert post(headers={"Content-Encoding": "identity"}).status_code == 200


def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not(post):
    assert post(of_size(LIMIT)).status_code == 200
    assert_error(post(of_size(LIMIT + 1)), *TOO_LARGE)


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", LOGIN), ("get", WEBSITES), ("delete", f"{WEBSITES}/x"), ("get", "/api/v1/auth/me")],
)
def test_a_length_over_the_limit_is_rejected_without_reading(api, token, method, path):
    stream = CountingBody(b"x" * 100)
    more = {"wsgi.input": stream, "CONTENT_LENGTH": str(LIMIT + 1)}
    response = api.generic(method.upper(), path, token=token, **more)
    assert_error(response, *TOO_LARGE)
    assert stream.bytes_read == 0


@pytest.mark.parametrize("size", [200, LIMIT])
def test_a_chunked_body_is_read(api, user, size):
    assert api.post_chunked(LOGIN, CountingBody(of_size(size))).status_code == 200


@pytest.mark.parametrize("size", [LIMIT + 1, 5 * LIMIT])
def test_a_chunked_body_is_read_up_to_the_limit(api, user, size):
    stream = CountingBody(of_size(size))
    assert_error(api.post_chunked(LOGIN, stream), *TOO_LARGE)
    assert stream.bytes_read == LIMIT + 1


def test_a_body_that_breaks_off_is_no_json(post):
    class Broken(BytesIO):
        def read(self, size=-1):
            raise ConnectionResetError

    assert_invalid(post(**{"wsgi.input": Broken()}), form=["Invalid JSON"])


def test_the_size_comes_before_the_type_and_that_before_the_json(post, settings):
    settings.MAX_BODY_BYTES = 10
    assert post(b"{" * 11, content_type="text/plain").status_code == 413
    assert post(b"{" * 10, content_type="text/plain").status_code == 415
    assert post(b"{" * 10).status_code == 400


def test_a_byte_order_mark_is_skipped(post):
    assert post(b"\xef\xbb\xbf" + GOOD).status_code == 200


def test_utf16_is_not_utf8(post):
    assert_invalid(post(GOOD.decode().encode("utf-16")), form=["Invalid UTF-8"])


@pytest.mark.parametrize("body", [b" ", b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf "])
def test_white_space_is_no_json(post, body):
    assert_invalid(post(body), form=["Invalid JSON"])
