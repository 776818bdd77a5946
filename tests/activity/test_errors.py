"""POST /api/v1/activity/events: errors, and the order of the checks"""

import json
import logging

import pytest

from config.api.errors import StorageUnavailable
from config.api.outcomes import Outcome
from tests.support.activity import (
    BAD_BODY,
    BAD_FIELDS,
    BAD_METADATA,
    BAD_TOKEN,
    BAD_TYPE,
    PATH,
    WRITE_FAILED,
    assert_accepted,
    assert_activity_error,
    frontend_rows,
    request_rows,
    switch,
)
from tests.support.bodies import CountingBody
from tests.support.inline_writer import InlineWriter
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NUMBERS = "Numbers must be finite and in range"
TOO_LARGE = ("PAYLOAD_TOO_LARGE", "Request body is too large")
WRONG_TYPE = ("UNSUPPORTED_MEDIA_TYPE", "Unsupported media type")
OFF = ("ACTIVITY_RECORDER_UNAVAILABLE", "Activity recorder is not configured")
OFF_HEADERS = {"X-Event-Outcome": "dropped; reason=kill_switch", "Retry-After": None}
FAILED = ("ACTIVITY_RECORD_FAILED", "Activity event could not be recorded")


@pytest.mark.parametrize(
    "type",
    [
        *("bad event!", "", "   ", "x" * 65, "clic\u212a", "a/b", "é", "\u0661"),
        *("a\nb", " a", "a ", "a\n", "\u00a0a", f"frontend_{'x' * 56}"),
    ],
)
def test_bad_types(api, type):
    assert_activity_error(api.post(PATH, {"type": type}), 400, *BAD_TYPE)


@pytest.mark.parametrize("body", [{}, {"type": None}, {"Type": "x"}])
def test_no_type(api, body):
    assert_activity_error(api.post(PATH, body), 400, *BAD_TYPE)


@pytest.mark.parametrize(
    "fields",
    [
        {"sessionId": "é" * 129},
        {"sessionId": " " * 129},
        {"sessionId": "x".center(129)},
        {"projectId": "x" * 129},
        {"page": "x" * 513},
        {"page": "😀" * 513},
        {"page": "x" * 513, "metadata": {"a": "x" * 16_384}},
    ],
)
def test_texts_over_the_limit_are_rejected(api, fields):
    assert_activity_error(api.post(PATH, {"type": "x"} | fields), 400, *BAD_FIELDS)


@pytest.mark.parametrize("key", ["a", "_request"])
@pytest.mark.parametrize("size", [16_385, 1_000_000])
def test_metadata_that_is_too_large_as_sent(api, key, size):
    metadata = {key: "x" * (size - 7 - len(key))}
    assert len(json.dumps(metadata, separators=(",", ":"))) == size
    assert_activity_error(api.post(PATH, {"type": "x", "metadata": metadata}), 400, *BAD_METADATA)


def test_metadata_of_many_small_keys_is_too_large(api):
    metadata = {str(n): n for n in range(50_000)}
    assert_activity_error(api.post(PATH, {"type": "x", "metadata": metadata}), 400, *BAD_METADATA)


@pytest.mark.parametrize(
    "fields",
    [
        *({"type": 5}, {"type": ["a"]}, {"type": True}),
        *({"sessionId": 5}, {"projectId": []}, {"page": {}}),
        *({"metadata": []}, {"metadata": "{}"}, {"metadata": 1}),
        {"type": "bad event!", "sessionId": 5},
        {"type": None, "metadata": []},
    ],
)
def test_values_of_another_type_come_before_all_that_is_wrong_with_others(api, fields):
    assert_activity_error(api.post(PATH, {"type": "x"} | fields), 400, *BAD_BODY)


def test_a_bad_type_comes_before_long_texts(api):
    body = {"type": "bad event!", "page": "x" * 513, "metadata": {"a": "x" * 16_384}}
    assert_activity_error(api.post(PATH, body), 400, *BAD_TYPE)


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b'{"type": ', b"{'a':1}", b'{"a":1} x', b'{"a":1,}', b"[1]", b"null", b'"x"', b"5"],
)
def test_bodies_that_are_no_object(api, body):
    assert_activity_error(api.post_bytes(PATH, body), 400, *BAD_BODY)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"NaN", NUMBERS),
        (b"-Infinity", NUMBERS),
        (b"1e400", NUMBERS),
        (b"9" * 5000, NUMBERS),
        (b'"\xff"', "Invalid UTF-8"),
        (rb'"\u0000"', "NUL characters are not allowed"),
        (b"[" * 64 + b"]" * 64, "JSON must not be nested deeper than 64 levels"),
        (b"[" * 100_000, "JSON must not be nested deeper than 64 levels"),
    ],
)
def test_json_that_cannot_be_stored(api, value, reason):
    body = b'{"type": "x", "ignored": ' + value + b"}"
    assert_activity_error(api.post_bytes(PATH, body), 400, *BAD_BODY, {"reason": reason})


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer invalid", "Bearer", "Bearer ", "Basic dTpw", "Bearer a.b.c", "nonsense"),
        "lower-case",
    ],
)
def test_a_bad_token_never_falls_back_to_anonymous(api, token, header):
    sent = f"bearer {token}" if header == "lower-case" else header
    response = api.post(PATH, {"type": "x"}, headers={"Authorization": sent})
    assert_activity_error(response, 401, *BAD_TOKEN)


@pytest.mark.parametrize(
    "claims", [{"exp": 1}, {"token_type": "refresh"}, {"algorithm": "none"}, {"key": "k" * 50}]
)
def test_tokens_that_do_not_hold(api, forge, claims):
    response = api.post(PATH, {"type": "x"}, token=forge(**claims))
    assert_activity_error(response, 401, *BAD_TOKEN)


def test_the_body_is_judged_before_the_token(api, token):
    assert_activity_error(api.post_bytes(PATH, b"", token="invalid"), 400, *BAD_BODY)
    assert_activity_error(api.post(PATH, {"type": "!"}, token="invalid"), 400, *BAD_TYPE)
    large = {"type": "x", "metadata": {"a": "x" * 16_384}}
    assert_activity_error(api.post(PATH, large, token="invalid"), 400, *BAD_METADATA)
    assert_activity_error(api.post(PATH, {"type": "x"}, token="invalid"), 401, *BAD_TOKEN)
    assert_accepted(api.post(PATH, {"type": "x"}, token=token))


def test_an_empty_authorization_is_anonymous(api):
    assert_accepted(api.post(PATH, {"type": "x"}, headers={"Authorization": ""}))
    assert frontend_rows()[0].user_id is None


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options", "head"])
def test_other_methods(api, method):
    response = getattr(api, method)(PATH)
    headers = {"Allow": "POST"}
    if method == "head":
        assert (response.status_code, response["Allow"]) == (405, "POST")
    else:
        words = ("METHOD_NOT_ALLOWED", "Method not allowed")
        assert_activity_error(response, 405, *words, headers=headers)


def test_a_host_that_is_not_served(api):
    response = api.post(PATH, {"type": "x"}, headers={"Host": "evil.example"})
    assert_activity_error(response, 400, "BAD_REQUEST", "Bad request")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/html"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_bodies_of_other_types(api, headers):
    response = api.post_bytes(PATH, b'{"type":"x"}', headers["Content-Type"], headers=headers)
    assert_activity_error(response, 415, *WRONG_TYPE)


@pytest.mark.parametrize("headers", [{"Content-Type": "text/html"}, {"Content-Encoding": "gzip"}])
def test_the_type_of_an_empty_body_does_not_matter(api, headers):
    type = headers.get("Content-Type", "application/json")
    assert_activity_error(api.post_bytes(PATH, b"", type, headers=headers), 400, *BAD_BODY)


def test_a_body_of_just_the_limit_is_accepted_and_one_more_byte_is_not(api):
    body = b'{"type":"x","filling":"' + b"x" * (1_048_576 - 25) + b'"}'
    assert_accepted(api.post_bytes(PATH, body))
    assert_response(
        api.post_bytes(PATH, body + b" "),
        413,
        {"error": {"code": TOO_LARGE[0], "message": TOO_LARGE[1]}},
        {"X-Event-Outcome": "rejected"},
    )


def test_a_chunked_body_is_read_up_to_the_limit(api):
    stream = CountingBody(b'{"type":"' + b"x" * 5_000_000)
    assert_activity_error(api.post_chunked(PATH, stream), 413, *TOO_LARGE)
    assert stream.bytes_read == 1_048_577


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
def test_while_the_switch_is_off_only_the_size_and_the_method_are_checked(api, text):
    switch(text)
    good = api.post(PATH, {"type": "x"})
    assert_activity_error(good, 503, *OFF, headers=OFF_HEADERS)
    bad = api.post_bytes(PATH, b"nonsense", "text/html", token="invalid")
    assert_activity_error(bad, 503, *OFF, headers=OFF_HEADERS)
    large = api.post_bytes(PATH, b"x" * 1_048_577)
    assert_activity_error(large, 413, *TOO_LARGE)
    stream = CountingBody(b"x" * 1_048_577)
    assert_activity_error(api.post_chunked(PATH, stream), 413, *TOO_LARGE)
    assert api.get(PATH).status_code == 405
    assert request_rows() == []


def test_without_the_analytics_database(api, monkeypatch, analytics_away):
    response = api.post(PATH, {"type": "x"})
    body = {"error": {"code": FAILED[0], "message": FAILED[1]}}
    assert_response(response, 500, body, WRITE_FAILED)


def test_a_write_that_is_not_confirmed(api, monkeypatch):
    def refuse(self, items):
        raise StorageUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(InlineWriter, "write", refuse)
        response = api.post(PATH, {"type": "x"})
    assert_activity_error(response, 500, *FAILED, headers=WRITE_FAILED)


def test_a_row_that_the_database_rejects(api, monkeypatch):
    monkeypatch.setattr(InlineWriter, "write", lambda *args: [Outcome.WRITE_FAILED])
    response = api.post(PATH, {"type": "x"})
    assert_activity_error(response, 500, *FAILED, headers=WRITE_FAILED)


def test_without_the_main_database_a_signed_token_is_enough(api, token, user, request):
    request.getfixturevalue("main_database_away")
    assert_accepted(api.post(PATH, {"type": "x"}, token=token))
    assert_response(
        api.post(PATH, {"type": "x"}, token="invalid"),
        401,
        {"error": {"code": BAD_TOKEN[0], "message": BAD_TOKEN[1]}},
        {"X-Event-Outcome": "rejected"},
    )
    [row] = frontend_rows()
    assert row.user_id == str(user.id)


def test_an_unexpected_error_has_no_details(api, monkeypatch, caplog):
    def crash():
        raise RuntimeError("a secret")

    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
        patch.setattr("activity.api.address_hash.hash_address", lambda address: crash())
        response = api.post(PATH, {"type": "x"})
    words = ("INTERNAL_ERROR", "Internal server error")
    assert_activity_error(response, 500, *words, headers=WRITE_FAILED)


@pytest.mark.parametrize(
    ("body", "status"), [(b'{"type":"x"}', 202), (b"[", 400), (b'{"type":"!"}', 400)]
)
def test_pages_of_every_origin_may_read_the_response(api, body, status):
    response = api.post_bytes(PATH, body, headers={"Origin": "https://any.example"})
    assert response.status_code == status
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response
    preflight = {"Origin": "https://any.example", "Access-Control-Request-Method": "POST"}
    response = api.options(PATH, headers=preflight)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Access-Control-Allow-Origin"] == "*"
