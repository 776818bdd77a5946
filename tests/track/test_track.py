"""POST /api/v1/analytics/track"""

import gzip
import io
import json
import logging
import time
from datetime import UTC, datetime
from uuid import UUID

import jwt
import pytest
from cachetools import TTLCache
from django.db import connections
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY

from analytics.funnel.ingest import TABLE
from analytics.funnel.models import FunnelEvent, FunnelEventRow
from analytics.ingest import writer
from config import runtime
from config.api.errors import StorageUnavailable
from config.api.outcomes import Outcome
from config.db import uuid7
from config.models import RuntimeSettings
from tests.support.funnel import (
    FULL,
    KILL_SWITCH,
    PATH,
    STORED,
    TRACKED,
    WRITE_FAILED,
    assert_invalid,
    assert_track_error,
    post,
    post_bytes,
    stored,
)
from tests.support.inline_writer import InlineWriter
from tests.support.responses import (
    assert_answer,
    bearer,
)
from tests.support.sessions import assert_rate_limited
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NOW_MS = 1_800_000_000_123
OFF = ["false", "TRUE", "True", "1", "yes", " true", "true ", "", "on"]
NO_TOKEN = (401, "AUTH_UNAUTHORIZED", "Authentication required", "auth.unauthorized")
BAD_TOKEN = (401, "AUTH_UNAUTHORIZED", "Invalid or expired token", "auth.unauthorized")
NOT_FOUND = (404, "NOT_FOUND", "Route not found", "common.not_found")
WRONG_METHOD = (405, "METHOD_NOT_ALLOWED", "Method not allowed", "common.method_not_allowed")
TOO_LARGE = (413, "PAYLOAD_TOO_LARGE", "Request body is too large", "common.payload_too_large")
WRONG_TYPE = (
    *(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"),
    "common.unsupported_media_type",
)
INVALID_DATA = (
    *(400, "ANALYTICS_EVENT_INVALID_DATA", "Event data is invalid or too large"),
    "analytics.event.invalid_data",
)
CRASHED = (500, "INTERNAL_ERROR", "Internal server error", "common.internal_error")
FINITE = "Numbers must be finite and in range"
NULS = "NUL characters are not allowed"
SURROGATES = "Lone surrogates are not allowed"
DEEP = "JSON must not be nested deeper than 64 levels"


@pytest.fixture
def remembered(monkeypatch):
    """Let what is known of tokens and settings stay as fresh as it is."""
    known: TTLCache[str, object] = TTLCache(10, ttl=1, timer=lambda: 0.0)
    monkeypatch.setattr(tokens, "_verdicts", known)
    monkeypatch.setattr("config.runtime.snapshot.MAX_AGE_SECONDS", 3600.0)


@pytest.fixture
def still_clock(monkeypatch):
    """Hold the clock at the present, for a token must be valid too."""
    now = time.time()
    monkeypatch.setattr("django_ratelimit.core.time.time", lambda: now)


@pytest.fixture
def tracked(user, token, api):
    """Send a body that must be stored, and return its row."""

    def send(body, **more):
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        assert_answer(post_bytes(api, token, sent, **more), 200, TRACKED, STORED)
        [(user_id, *row)] = stored()
        assert user_id == user.id
        return row

    return send


def failing(*statement):
    raise AssertionError("nobody should ask this database")


def set_to(**values):
    """Change runtime settings, as the admin does."""
    RuntimeSettings.load().change(values, changed_by="staff@example.com")
    runtime.expire()


def counted():
    """Return how many events were stored, as Prometheus sees it."""
    return REGISTRY.get_sample_value("analytics_event_tracked_total")


# What is stored


def test_an_event_is_stored(api, user, token):
    assert_answer(post(api, token, FULL), 200, TRACKED, STORED)
    assert stored() == [(user.id, FULL["sessionId"], FULL["event"], FULL["properties"])]


def test_the_time_is_that_of_the_request(api, token, monkeypatch):
    monkeypatch.setattr(uuid7, "now_ms", lambda: NOW_MS)
    post(api, token, FULL)
    event = FunnelEvent.objects.get()
    assert event.created_at == datetime(2027, 1, 15, 8, 0, 0, 123_000, tzinfo=UTC)
    assert (event.id.version, uuid7.time_of(event.id)) == (7, event.created_at)


def test_what_does_not_come_is_null_or_an_empty_object(tracked):
    assert tracked({"event": "a"}) == [None, "a", {}]


@pytest.mark.parametrize("name", ["sessionId", "deviceType", "locale", "properties"])
def test_null_is_the_same_as_leaving_out(tracked, name):
    row = tracked({"event": "a", name: None})
    assert row == [None, "a", {}]


@pytest.mark.parametrize(
    "text", ["", " ", "x" * 100_000, "😀\u200f\uffff\u2028é", "' OR 1=1 --\\N\t"]
)
def test_texts_are_stored_as_sent(tracked, text):
    assert tracked({"event": text, "sessionId": text, "locale": text}) == [text, text, {}]


@pytest.mark.parametrize(
    "properties",
    [
        {"a": [1, 2.5, -0.125, True, None, "é", {"b": []}]},
        {"__proto__": 1, "constructor": 2, "$where": 3, "": 4},
        {"digits": int("9" * 400)},
        {"text": "\\u0000"},
        {"é": "😀\u200f\uffff\u2028"},
    ],
    ids=["types", "keys", "digits", "backslash", "unicode"],
)
def test_properties_are_stored_as_sent(tracked, properties):
    assert tracked({"event": "a", "properties": properties}) == [None, "a", properties]


@pytest.mark.parametrize(
    ("body", "event"),
    [
        (b'{"event":"a","event":"b"}', "b"),
        (b'\xef\xbb\xbf{"event":"a"}', "a"),
        (rb'{"event":"\ud83d\ude00"}', "😀"),
    ],
)
def test_json_is_read_as_json(tracked, body, event):
    assert tracked(body) == [None, event, {}]


@pytest.mark.parametrize(
    "content_type", ["", "application/json; charset=latin1", "APPLICATION/JSON"]
)
def test_json_by_any_name_is_read(tracked, content_type):
    body = '{"event":"é"}'.encode()
    assert tracked(body, content_type=content_type) == [None, "é", {}]


def test_a_body_of_the_limit_is_read(tracked):
    body = json.dumps({"event": "a", "filling": ""}).encode()
    body = body.replace(b'""', b'"%s"' % (b"x" * (1_048_576 - len(body))))
    assert (len(body), tracked(body)) == (1_048_576, [None, "a", {}])


def test_the_same_event_twice_is_two_events(api, token):
    for _ in range(2):
        assert_answer(post(api, token, FULL), 200, TRACKED, STORED)
    assert len(stored()) == 2


@pytest.mark.parametrize("name", ["user_id", "userId", "user", "id", "created_at"])
def test_whose_event_it_is_only_the_token_tells(tracked, make_user, name):
    stranger = make_user("stranger@example.com")
    assert tracked({"event": "a", name: str(stranger.id)}) == [None, "a", {}]


def test_events_join_their_users_in_sql(api, user, token):
    post(api, token, FULL)
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT email, event_type, session_id, event_data->>'linkId' "
            "FROM analytics_funnelevent JOIN websites_user ON websites_user.id = user_id"
        )
        assert cursor.fetchall() == [(user.email, FULL["event"], FULL["sessionId"], "abc-123")]


def test_the_table_is_in_the_main_database_only():
    tables = {
        alias: {
            name
            for name in connections[alias].introspection.table_names()
            if name.startswith("analytics_funnelevent")
        }
        for alias in ("default", "analytics")
    }
    assert "analytics_funnelevent" in tables["default"]
    assert tables["analytics"] == set()


def test_events_go_with_their_user(api, user, token, make_user):
    other = make_user("other@example.com")
    for whose in (token, tokens.issue(other).access):
        post(api, whose, FULL)
    user.delete()
    assert [user_id for user_id, *_ in stored()] == [other.id]


def test_each_stored_event_is_counted_and_told_to_the_log(api, token, user, caplog):
    before = counted()
    with caplog.at_level(logging.DEBUG, logger="analytics.funnel.ingest"):
        post(api, token, FULL)
    event = FunnelEvent.objects.get()
    assert counted() == before + 1
    assert caplog.messages == [f"Stored funnel event {event.id} of user {user.id}: bio_link_click"]
    post(api, token, {"event": 5})
    assert counted() == before + 1


def test_the_counter_is_told_to_prometheus(api, token):
    post(api, token, FULL)
    assert f"\nanalytics_event_tracked_total {counted()}\n" in api.get("/metrics").content.decode()


@pytest.mark.usefixtures("unrecorded")
def test_an_event_costs_no_query_but_its_own(api, token, remembered):
    post(api, token, FULL)
    with (
        CaptureQueriesContext(connections["default"]) as main,
        CaptureQueriesContext(connections["analytics"]) as analytics,
    ):
        post(api, token, FULL)
    # Without the transaction of the test the first and the last are BEGIN and COMMIT.
    assert [query["sql"].split()[0] for query in main] == ["SAVEPOINT", "COPY", "RELEASE"]
    assert len(analytics) == 0
    assert len(stored()) == 2


# Fields that are wrong


@pytest.mark.parametrize("value", [5, None, ["a"], {}, True])
def test_the_event_must_be_a_string(api, token, value):
    assert_invalid(post(api, token, FULL | {"event": value}), "event must be a string")


@pytest.mark.parametrize("name", ["sessionId", "deviceType", "locale"])
@pytest.mark.parametrize("value", [5, ["a"], {}, False])
def test_texts_must_be_strings(api, token, name, value):
    assert_invalid(post(api, token, FULL | {name: value}), f"{name} must be a string")


@pytest.mark.parametrize("value", [[], "x", "{}", 5, True])
def test_properties_must_be_an_object(api, token, value):
    response = post(api, token, FULL | {"properties": value})
    assert_invalid(response, "properties must be an object")


def test_each_failing_field_is_told_in_the_order_of_the_contract(api, token):
    wrong = {"properties": [], "locale": 1, "deviceType": 2, "sessionId": 3}
    texts = [f"{name} must be a string" for name in ("event", "sessionId", "deviceType", "locale")]
    assert_invalid(post(api, token, wrong), *texts, "properties must be an object")


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_empty_body_lacks_the_event(api, token, body):
    assert_invalid(post_bytes(api, token, body), "event must be a string")


@pytest.mark.parametrize("body", [b"[1]", b"null", b'"x"', b"5", b"true"])
def test_the_body_must_be_an_object(api, token, body):
    assert_invalid(post_bytes(api, token, body), "body must be an object")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b" ", "Invalid JSON"),
        (b'{"event": ', "Invalid JSON"),
        (b"{'a':1}", "Invalid JSON"),
        (b'{"a":1} x', "Invalid JSON"),
        (b'{"a":1,}', "Invalid JSON"),
        (b'{"event":"a","x":NaN}', FINITE),
        (b'{"event":"a","properties":{"x":-Infinity}}', FINITE),
        (b'{"event":"a","properties":{"x":1e400}}', FINITE),
        (b'{"event":"a","x":%s}' % (b"9" * 5000), FINITE),
        (b'{"event":"\xff"}', "Invalid UTF-8"),
        ('{"event":"a"}'.encode("utf-16"), "Invalid UTF-8"),
        (rb'{"event":"\u0000"}', NULS),
        (rb'{"event":"a","\u0000":1}', NULS),
        (rb'{"event":"\ud800"}', SURROGATES),
        (rb'{"event":"a","x":"\udc00\ud800"}', SURROGATES),
        (b'{"event":"a","x":%s%s}' % (b"[" * 64, b"]" * 64), DEEP),
        (b"[" * 100_000, DEEP),
    ],
    ids=lambda value: str(value)[:40],
)
def test_json_problems_are_told(api, token, body, sentence):
    assert_invalid(post_bytes(api, token, body), sentence)


def test_the_deepest_json_is_accepted(tracked):
    body = b'{"event":"a","x":%s%s}' % (b"[" * 63, b"]" * 63)
    assert tracked(body) == [None, "a", {}]


# Who may send


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer   ", "Basic {token}", "Token {token}", "{token}"],
)
def test_without_a_bearer_token_nothing_is_stored(api, token, header):
    headers = {} if header is None else {"Authorization": header.format(token=token)}
    response = api.post(PATH, FULL, content_type="application/json", headers=headers)
    assert_track_error(response, *NO_TOKEN)
    assert stored() == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_accepted_in_any_case(api, token, scheme):
    headers = {"Authorization": f"{scheme} {token}"}
    response = api.post(PATH, FULL, content_type="application/json", headers=headers)
    assert_answer(response, 200, TRACKED, STORED)


def changed(token, settings, *, key=None, algorithm="HS256", **claims):
    """Return a token with other claims, another key or another algorithm."""
    known = jwt.decode(token, options={"verify_signature": False}) | claims
    return jwt.encode(known, key or (settings.SECRET_KEY if algorithm != "none" else ""), algorithm)


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
def test_a_bad_token_opens_nothing(api, token, settings, changes):
    assert_answer(post(api, changed(token, settings), FULL), 200, TRACKED, STORED)
    assert_track_error(post(api, changed(token, settings, **changes), FULL), *BAD_TOKEN)
    assert len(stored()) == 1


@pytest.mark.parametrize("junk", ["junk", "a.b.c", "...", "{token}x"])
def test_junk_opens_nothing(api, token, junk):
    assert_track_error(post(api, junk.format(token=token), FULL), *BAD_TOKEN)


def test_a_token_is_no_longer_good_after_logout(api, token):
    log_out = {"content_type": "application/json", "headers": bearer(token)}
    assert api.post("/api/v1/auth/logout", b"", **log_out).status_code == 200
    assert_track_error(post(api, token, FULL), *BAD_TOKEN)
    assert stored() == []


@pytest.mark.parametrize("how", ["deactivated", "deleted"])
def test_a_token_is_no_longer_good_without_its_user(api, user, token, how):
    if how == "deleted":
        user.delete()
    else:
        user.is_active = False
        user.save()
    assert_track_error(post(api, token, FULL), *BAD_TOKEN)
    assert stored() == []


# Requests


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer junk"}])
def test_other_methods_are_refused_before_the_token_is_read(api, method, headers):
    response = api.generic(method, PATH, b"{", "text/html", headers=headers)
    if method == "HEAD":
        assert (response.status_code, response["Allow"]) == (405, "POST")
    else:
        assert_track_error(response, *WRONG_METHOD, headers={"Allow": "POST"})


def test_a_preflight_is_refused(api):
    asked = {"Origin": "https://any.example", "Access-Control-Request-Method": "POST"}
    response = api.options(PATH, headers=asked)
    assert_track_error(response, *WRONG_METHOD, headers={"Allow": "POST"})


@pytest.mark.parametrize("path", [f"{PATH}/", "/api/v1/analytics/nothing", "/api/v1/analytics/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_paths_beside_it_are_not_found(api, path, method):
    assert_track_error(api.generic(method, path), *NOT_FOUND, headers={})


def test_a_host_that_is_not_served_is_refused(api, token):
    response = post(api, token, FULL, HTTP_HOST="evil.example")
    assert_track_error(response, 400, "BAD_REQUEST", "Bad request", "common.bad_request")
    assert stored() == []


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "text/html"],
)
def test_other_types_are_refused(api, token, content_type):
    response = post_bytes(api, token, json.dumps(FULL), content_type)
    assert_track_error(response, *WRONG_TYPE)
    assert stored() == []


def test_nothing_is_unpacked(api, token):
    body = gzip.compress(json.dumps(FULL).encode())
    response = post_bytes(api, token, body, HTTP_CONTENT_ENCODING="gzip")
    assert_track_error(response, *WRONG_TYPE)


def test_a_body_over_the_limit_is_refused(api, token):
    response = post_bytes(api, token, b"x" * 1_048_577)
    assert_track_error(response, *TOO_LARGE, variables={"max": 1_048_576})


def test_the_limit_in_force_is_told(api, token, settings):
    settings.MAX_BODY_BYTES = 20
    assert post_bytes(api, token, b'{"event":"12345678"}').status_code == 200
    response = post_bytes(api, token, b'{"event":"123456789"}')
    assert_track_error(response, *TOO_LARGE, variables={"max": 20})


@pytest.mark.parametrize(("size", "status"), [(200, 200), (5_242_880, 413)])
def test_a_body_without_a_length_is_read_up_to_the_limit(api, token, size, status):
    body = json.dumps({"event": "a", "filling": "x" * size}).encode()
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(body)}
    response = api.generic(
        "POST", PATH, content_type="application/json", headers=bearer(token), **environ
    )
    assert response.status_code == status
    assert len(stored()) == (status == 200)


def test_what_the_client_would_like_to_get_does_not_matter(api, token):
    wishes = {"Accept": "text/html", "X-HTTP-Method-Override": "DELETE", "X-Request-Id": "mine"}
    response = api.post(
        f"{PATH}?format=xml", FULL, content_type="application/json", headers=bearer(token) | wishes
    )
    assert_answer(response, 200, TRACKED, STORED)


def test_pages_of_other_origins_get_no_permission_to_read(api, token):
    response = post(api, token, FULL, HTTP_ORIGIN="https://any.example")
    assert_answer(response, 200, TRACKED, STORED)  # which also demands that no CORS header came


# The rate limit


def assert_limited(response):
    seconds = int(response["Retry-After"])
    assert 1 <= seconds <= 60
    assert_rate_limited(response, seconds)


def test_the_61st_request_of_a_window_is_refused(api, token, still_clock):
    for n in range(60):
        # Whatever becomes of them, they count; a forwarded address makes nobody another client.
        body = FULL if n % 3 else {"event": n}
        response = post(api, token, body, HTTP_X_FORWARDED_FOR=f"203.0.113.{n}")
        assert response.status_code == (200 if n % 3 else 400)
    assert_limited(post(api, token, FULL))
    assert len(stored()) == 40
    assert post(api, token, FULL, REMOTE_ADDR="198.51.100.1").status_code == 200


def test_what_is_refused_earlier_does_not_count(api, token, still_clock):
    for _ in range(61):
        assert api.get(PATH).status_code == 405
        assert post(api, "junk", FULL).status_code == 401
        assert api.post(f"{PATH}/").status_code == 404
    assert post(api, token, FULL).status_code == 200


def test_the_limit_is_a_setting(api, token, settings, still_clock):
    settings.RATE_TRACK = "1/m"
    assert post(api, token, FULL).status_code == 200
    assert_limited(post(api, token, FULL))


def test_without_the_store_of_the_counters_requests_pass(api, token, settings):
    settings.RATE_TRACK = "1/m"
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert [post(api, token, FULL).status_code for _ in range(3)] == [200, 200, 200]


# What is checked first


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
    api, token, settings, still_clock, method, as_whom, used_up, body, content_type, status, switch
):
    set_to(tracking_enabled=switch)
    settings.RATE_TRACK = "1/m"
    if used_up:
        post(api, token, {})
    headers = bearer(as_whom.format(token=token))
    response = api.generic(method, PATH, body, content_type, headers=headers)
    assert response.status_code == status
    assert stored() == []


# The kill switch


@pytest.mark.parametrize("text", OFF)
def test_while_the_switch_is_off_nothing_is_stored(api, token, text):
    before = counted()
    set_to(tracking_enabled=text)
    assert_answer(post(api, token, FULL), 200, TRACKED, KILL_SWITCH)
    assert (stored(), counted()) == ([], before)


def test_while_the_switch_is_off_the_size_does_not_matter(api, token):
    oversized = {"event": "a", "properties": {"a": "x" * 10_000}}
    assert_track_error(post(api, token, oversized), *INVALID_DATA, variables={"max": 10_000})
    set_to(tracking_enabled="false")
    assert_answer(post(api, token, oversized), 200, TRACKED, KILL_SWITCH)
    assert stored() == []


def test_while_the_switch_is_off_fields_are_checked(api, token):
    set_to(tracking_enabled="false")
    assert_invalid(
        post(api, token, {"properties": []}),
        *(
            "event must be a string",
            "properties must be an object",
        ),
    )
    assert_track_error(post(api, "junk", FULL), *BAD_TOKEN)


def test_the_switch_takes_effect_within_two_seconds(api, token, monkeypatch):
    assert_answer(post(api, token, FULL), 200, TRACKED, STORED)
    RuntimeSettings.load().change({"tracking_enabled": "false"}, changed_by="staff@example.com")
    later = time.monotonic() + 2
    monkeypatch.setattr("config.runtime.snapshot.time.monotonic", lambda: later)
    assert_answer(post(api, token, FULL), 200, TRACKED, KILL_SWITCH)


def test_other_switches_do_not_matter(api, token):
    others = ("events", "activity", "platform", "collect")
    set_to(**{f"{name}_enabled": "false" for name in others}, public_event_reads="false")
    assert_answer(post(api, token, FULL), 200, TRACKED, STORED)


# The cap on properties


def of_bytes(size):
    """Return properties of so many bytes, in two-byte letters but for one at the most."""
    room = size - len('{"a":""}')
    value = {"a": "é" * (room // 2) + "x" * (room % 2)}
    assert len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) == size
    return value


@pytest.mark.parametrize("cap", [None, 10, 101, 20_000])
@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_properties_of_exactly_the_cap_pass(api, user, token, cap, more, ensure_ascii):
    if cap:
        set_to(max_event_data_bytes=cap)
    value = of_bytes((cap or 10_000) + more)
    body = json.dumps({"event": "a", "properties": value}, ensure_ascii=ensure_ascii, indent=4)
    response = post_bytes(api, token, body)
    if more <= 0:
        assert_answer(response, 200, TRACKED, STORED)
        assert stored() == [(user.id, None, "a", value)]
    else:
        assert_track_error(response, *INVALID_DATA, variables={"max": cap or 10_000})
        assert stored() == []


@pytest.mark.parametrize("properties", [{"a": "é" * 5000}, {f"k{n}": n for n in range(50_000)}])
def test_properties_over_the_cap_are_refused(api, token, properties):
    response = post(api, token, {"event": "a", "properties": properties})
    assert_track_error(response, *INVALID_DATA, variables={"max": 10_000})
    assert stored() == []


@pytest.mark.parametrize("body", [{"event": "a"}, {"event": "a", "properties": None}])
def test_no_properties_are_the_smallest_ones(tracked, body):
    set_to(max_event_data_bytes=2)
    assert tracked(body) == [None, "a", {}]


def test_the_cap_takes_effect_within_two_seconds(api, token, monkeypatch):
    body = {"event": "a", "properties": of_bytes(101)}
    assert_answer(post(api, token, body), 200, TRACKED, STORED)
    RuntimeSettings.load().change({"max_event_data_bytes": 100}, changed_by="staff@example.com")
    later = time.monotonic() + 2
    monkeypatch.setattr("config.runtime.snapshot.time.monotonic", lambda: later)
    assert_track_error(post(api, token, body), *INVALID_DATA, variables={"max": 100})


# When storage fails


class _NoWriter(InlineWriter):
    def write(self, target, items):
        raise StorageUnavailable


def test_a_failed_write_is_swallowed_logged_and_counted(api, token, caplog):
    before = counted()
    labels = {"api": "track", "outcome": "dropped", "reason": "write_failed"}
    failed = REGISTRY.get_sample_value("millrace_ingest_total", labels) or 0
    writer.reset(_NoWriter)
    assert_answer(post(api, token, FULL), 200, TRACKED, WRITE_FAILED)
    assert caplog.messages == ["Event not stored: StorageUnavailable"]
    assert REGISTRY.get_sample_value("millrace_ingest_total", labels) == failed + 1
    assert (stored(), counted()) == ([], before)


def test_without_the_main_database_a_signed_token_is_enough(api, token, settings, request):
    expired = changed(token, settings, exp=1)
    writer.reset(_NoWriter)
    request.getfixturevalue("main_database_away")
    assert_answer(post(api, token, FULL), 200, TRACKED, WRITE_FAILED)
    assert_track_error(post(api, expired, FULL), *BAD_TOKEN)


def test_the_analytics_database_is_not_needed(api, user, token):
    with connections["analytics"].execute_wrapper(failing):
        assert_answer(post(api, token, FULL), 200, TRACKED, STORED)
    assert len(stored()) == 1


def test_an_event_of_a_user_that_was_just_deleted_is_lost(api, user, token, remembered, caplog):
    assert_answer(post(api, token, FULL), 200, TRACKED, STORED)
    user.delete()
    before = counted()
    assert_answer(post(api, token, FULL), 200, TRACKED, WRITE_FAILED)
    assert "Event not stored: RowRefused" in caplog.messages
    assert (stored(), counted()) == ([], before)


@pytest.mark.django_db(transaction=True, databases=["default", "analytics"])
def test_a_row_that_is_refused_takes_no_other_with_it(user):
    def row_of(user_id):
        id = uuid7.new_id_now()
        return FunnelEventRow(id, uuid7.time_of(id), user_id, None, "a", "{}")

    nobody = UUID("019c0630-fe00-7d71-bb46-7075e0512424")
    rows = [row_of(user_id) for user_id in (user.id, nobody, user.id)]
    written = writer.write(TABLE, rows)
    assert written == [Outcome.STORED, Outcome.WRITE_FAILED, Outcome.STORED]
    assert set(FunnelEvent.objects.values_list("id", flat=True)) == {rows[0].id, rows[2].id}


def test_a_crash_is_told_without_its_reason(api, token, monkeypatch):
    def crash(*event):
        raise RuntimeError("a secret")

    monkeypatch.setattr("analytics.funnel.api.store", crash)
    assert_track_error(post(api, token, FULL), *CRASHED, headers=WRITE_FAILED)
    assert stored() == []
