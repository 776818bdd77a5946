"""POST /api/v1/analytics"""

import json
from io import BytesIO
from uuid import UUID

import pytest

from analytics.platform.models import PlatformEvent
from config.db import uuid7
from tests.support.platform import (
    AT,
    BATCH_PATH,
    FULL_EVENT,
    MINIMAL_EVENT,
    PATH,
    REJECTED,
    STATS_PATH,
    assert_error,
    assert_totals_are_exact,
    assert_tracked,
    stored_names,
    stored_rows,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

MB = 1024 * 1024


def test_an_event_with_every_field_is_stored_as_sent(api, token, user):
    id = assert_tracked(api.post(PATH, FULL_EVENT, token=token))
    assert uuid7.time_of(id) == AT
    assert stored_rows() == [
        {
            "id": id,
            "created_at": AT,
            "user_id": user.id,
            "event_name": "order_placed",
            "category": "trading",
            "priority": "high",
            "properties": {"pair": "BTC-USD"},
            "session_id": "s-1",
            "page_url": "https://app.example.com/trade",
            "referrer": "https://app.example.com/",
            "user_agent": "Terminal/2.0",
            "client_id": None,
        }
    ]
    assert_totals_are_exact()


def test_missing_fields_have_their_defaults(api, token, user):
    before = uuid7.now_ms()
    id = assert_tracked(api.post(PATH, MINIMAL_EVENT, token=token))
    assert before <= uuid7.ms_of(id) <= uuid7.now_ms()
    [row] = stored_rows()
    assert row == {
        "id": id,
        "created_at": uuid7.time_of(id),
        "user_id": user.id,
        "event_name": "a",
        "category": "user_action",
        "priority": "medium",
        "properties": {},
        **dict.fromkeys(("session_id", "page_url", "referrer", "user_agent", "client_id")),
    }


def test_null_is_the_same_as_missing_for_optional_fields(api, token):
    nulls = ("timestamp", "session_id", "page_url", "referrer", "user_agent")
    sent = MINIMAL_EVENT | dict.fromkeys(nulls)
    id = assert_tracked(api.post(PATH, sent, token=token, headers={"User-Agent": "Firefox"}))
    [row] = stored_rows()
    assert {row[name] for name in nulls[1:4]} == {None}
    assert (row["user_agent"], row["created_at"]) == ("Firefox", uuid7.time_of(id))


@pytest.mark.parametrize(
    ("sent", "header", "kept"),
    [
        ({}, "Firefox \xff", "Firefox \xff"),
        ({}, "x" * 8000, "x" * 8000),
        ({"user_agent": "Terminal/2.0"}, "Firefox", "Terminal/2.0"),
        ({"user_agent": ""}, "Firefox", ""),
    ],
)
def test_the_user_agent_is_that_of_the_event_or_of_the_request(api, token, sent, header, kept):
    api.post(PATH, MINIMAL_EVENT | sent, token=token, headers={"User-Agent": header})
    assert stored_rows()[0]["user_agent"] == kept


def test_who_is_named_in_the_body_is_ignored(api, token, user):
    other = "019c0630-fe00-7d71-bb46-7075e0512424"
    assert_tracked(
        api.post(
            PATH, MINIMAL_EVENT | {"user_id": other, "userId": other, "client_id": "x"}, token=token
        )
    )
    assert (stored_rows()[0]["user_id"], stored_rows()[0]["client_id"]) == (user.id, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_name", "é" * 100),
        ("event_name", " "),
        ("session_id", ""),
        ("page_url", "not a url"),
        ("referrer", "x" * 100_000),
        ("properties", {"__proto__": 1, "constructor": None, "$where": [], "": {}}),
        ("properties", {"a": "\U0001f600\u202e\uffff\u2028"}),
        ("properties", {"a": int("9" * 400)}),
        ("properties", {"a": "\\u0000"}),
        *(("category", name) for name in ("page_view", "auth", "error", "performance", "system")),
        *(("priority", name) for name in ("low", "medium", "critical")),
    ],
)
def test_valid_values_are_stored_unchanged(api, token, field, value):
    assert_tracked(api.post(PATH, MINIMAL_EVENT | {field: value}, token=token))
    [row] = PlatformEvent.objects.all()
    assert getattr(row, field) == value


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'\xef\xbb\xbf{"event_name": "a"}', "application/json"),
        (b'{"event_name": "b", "event_name": "a"}', "application/json; charset=latin1"),
        (b'{"event_name": "\\u0061"}', ""),
        (b'{"event_name": "a", "fill": "' + b"x" * (MB - 31) + b'"}', "application/json"),
    ],
)
def test_json_of_many_kinds_is_read(api, token, body, content_type):
    assert len(body) <= MB
    assert_tracked(api.post_bytes(PATH, body, content_type=content_type, token=token))
    assert stored_names() == ["a"]


def test_a_chunked_body_is_read(api, token):
    assert_tracked(api.post_chunked(PATH, BytesIO(json.dumps(MINIMAL_EVENT).encode()), token=token))
    assert stored_names() == ["a"]


@pytest.mark.parametrize("query", ["?format=xml", "?format=api"])
@pytest.mark.parametrize("accept", ["text/html", "application/xml"])
def test_responses_are_json_whatever_is_requested(api, token, query, accept):
    assert_tracked(api.post(PATH + query, MINIMAL_EVENT, token=token, headers={"Accept": accept}))


# Authentication


@pytest.mark.parametrize("path", [PATH, BATCH_PATH, STATS_PATH])
@pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", "Bearer", "Bearer ", "{token}"])
def test_without_a_bearer_token(api, token, path, authorization):
    headers = {} if authorization is None else {"Authorization": authorization.format(token=token)}
    response = ask(api, path, headers=headers)
    assert_error(response, 401, "Not authenticated", outcome_of(path))


@pytest.mark.parametrize("path", [PATH, BATCH_PATH, STATS_PATH])
@pytest.mark.parametrize(
    "claims",
    [{"algorithm": "none"}, {"key": "x" * 50}, {"exp": 1}, {"token_type": "refresh"}],
)
def test_with_a_token_that_is_none(api, forge, path, claims):
    response = ask(api, path, token=forge(**claims))
    assert_error(response, 401, "Invalid or expired token", outcome_of(path))


def test_with_a_token_of_a_deleted_user(api, token, user):
    user.delete()
    response = ask(api, PATH, token=token)
    assert_error(response, 401, "Invalid or expired token", REJECTED)


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("path", [PATH, BATCH_PATH, STATS_PATH])
def test_the_scheme_may_be_written_in_any_case(api, token, scheme, path):
    assert ask(api, path, headers={"Authorization": f"{scheme} {token}"}).status_code == 200


def ask(api, path, **more):
    """Send what would be accepted from a known caller."""
    if path == STATS_PATH:
        return api.get(path, **more)
    body = MINIMAL_EVENT if path == PATH else {"events": [MINIMAL_EVENT]}
    return api.post(path, body, **more)


def outcome_of(path):
    return {} if path == STATS_PATH else REJECTED


# The order of checks


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        (PATH, "GET", "POST"),
        (PATH, "DELETE", "POST"),
        (PATH, "HEAD", "POST"),
        (PATH, "OPTIONS", "POST"),
        (BATCH_PATH, "PUT", "POST"),
        (STATS_PATH, "POST", "GET, HEAD"),
        ("/api/v1/analytics/health", "PATCH", "GET, HEAD"),
    ],
)
def test_another_method_is_rejected_before_anything_else(api, path, method, allow):
    response = api.generic(method, path, b"{", "text/xml")
    if method == "HEAD":
        assert (response.status_code, response["Allow"], response.content) == (405, allow, b"")
    else:
        assert_error(response, 405, "Method Not Allowed", {"Allow": allow})


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_there_is_no_preflight(api, path):
    headers = {
        "Origin": "https://any.example",
        "Access-Control-Request-Method": "POST",
    }
    response = api.options(path, headers=headers)
    assert_error(response, 405, "Method Not Allowed", {"Allow": "POST"})


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_the_token_comes_before_the_body(api, path):
    for body, content_type in ((b"{", "application/json"), (b"x" * (MB + 1), "text/xml")):
        response = api.post_bytes(path, body, content_type)
        assert_error(response, 401, "Not authenticated", REJECTED)


@pytest.mark.parametrize(("path", "limit"), [(PATH, MB), (BATCH_PATH, 4 * MB)])
def test_the_size_comes_before_the_type(api, token, path, limit):
    response = api.post_bytes(path, b"x" * (limit + 1), "text/xml", token=token)
    assert_error(response, 413, "Request body is too large", REJECTED)
    response = api.post_chunked(path, BytesIO(b"x" * (5 * MB)), "text/xml", token=token)
    assert_error(response, 413, "Request body is too large", REJECTED)


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/x-www-form-urlencoded", {}),
        ("multipart/form-data; boundary=x", {}),
        ("text/plain", {}),
        ("application/json", {"Content-Encoding": "gzip"}),
    ],
)
@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_the_type_comes_before_the_json(api, token, path, content_type, headers):
    response = api.post_bytes(path, b"{", content_type, token=token, headers=headers)
    assert_error(response, 415, "Unsupported Media Type", REJECTED)


@pytest.mark.parametrize("path", [PATH, BATCH_PATH, STATS_PATH, "/api/v1/analytics/health"])
def test_a_host_that_is_not_served(api, path):
    headers = {"Host": "evil.example"}
    assert_error(api.get(path, headers=headers), 400, "Bad Request")


def test_a_host_that_is_not_served_is_rejected_for_posts_too(api, token):
    response = api.post(PATH, MINIMAL_EVENT, token=token, headers={"Host": "evil.example"})
    assert_error(response, 400, "Bad Request", REJECTED)


@pytest.mark.parametrize("path", ["/api/v1/analytics/", "/api/v1/analytics/batch/"])
def test_paths_are_exact(api, token, path):
    response = api.post(path, MINIMAL_EVENT, token=token)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")


def test_ids_are_uuids_of_version_7(api, token):
    id = UUID(api.post(PATH, MINIMAL_EVENT, token=token).json()["event_id"])
    assert id.version == 7
