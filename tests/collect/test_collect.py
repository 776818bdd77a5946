"""POST /api/analytics/collect: one event."""

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError, connections
from django.utils import timezone

from analytics.collect.models import CollectedEvent
from analytics.ingest import commit
from config import runtime
from config.api import address_hash
from config.api.client_address import parse_networks
from config.db import uuid7
from config.models import RuntimeSettings
from tests.support.collect import (
    EVENT,
    KILL_SWITCH,
    PATH,
    UNAVAILABLE,
    WRITE_FAILED,
    assert_refused,
    assert_stored,
    event,
    id_in,
    log_in,
    post,
    post_bytes,
    recorded,
    stored,
    uuid_of,
)
from tests.support.databases import away
from tests.support.responses import (
    assert_answer,
    bearer,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

AT = datetime(2026, 1, 28, 20, 0, tzinfo=UTC)
EVENT_BYTES = json.dumps(EVENT).encode()
SERVER_ERROR = {"success": False, "error": "Internal server error"}


@pytest.fixture
def browser(api, user):
    """A client that is logged in as the user."""
    log_in(api)
    return api


# What is stored


def test_an_event_is_stored_with_everything_but_the_address(browser, user):
    before = uuid7.now()
    response = post(
        browser, EVENT, REMOTE_ADDR="198.51.100.7", headers={"User-Agent": "Secret/1.0"}
    )
    row = assert_stored(response)
    assert uuid7.time_of(row["id"]) == AT
    received_at = row.pop("received_at")
    assert before <= received_at <= uuid7.now()
    assert row == {
        "id": row["id"],
        "created_at": AT,
        "user_id": user.id,
        "event_type": "page_view",
        "event_data": {"page": "/dashboard", "referrer": "/login"},
        "ip_hash": address_hash.hash_address("198.51.100.7"),
    }
    everything = " ".join(map(str, row.values()))
    assert "198.51.100.7" not in everything
    assert "Secret" not in everything


def test_the_mark_of_an_address_is_another_one_tomorrow(browser, monkeypatch):
    now = uuid7.now_ms()
    marks = set()
    for days in (0, 0, 1):
        monkeypatch.setattr("config.db.uuid7.now_ms", lambda days=days: now + days * 86_400_000)
        marks.add(assert_stored(post(browser, event()))["ip_hash"])
    assert len(marks) == 2


def test_the_user_comes_from_the_session_only(browser, user):
    assert assert_stored(post(browser, event(user_id="x", userId="y")))["user_id"] == user.id


@pytest.mark.parametrize("sent", [event(), event(timestamp=None)])
def test_without_a_timestamp_the_time_of_receipt_is_the_time(browser, sent):
    before = uuid7.now_ms()
    row = assert_stored(post(browser, sent))
    assert before <= uuid7.ms_of(row["id"]) <= uuid7.now_ms()
    assert row["created_at"] == row["received_at"] == uuid7.time_of(row["id"])


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-28", "2026-01-28T00:00:00.000"),
        ("2026-01-28T20:00", "2026-01-28T20:00:00.000"),
        ("2026-01-28T20:00+05:30", "2026-01-28T14:30:00.000"),
        ("2026-01-28T20:00:07", "2026-01-28T20:00:07.000"),
        ("2026-01-28T20:00:07Z", "2026-01-28T20:00:07.000"),
        ("2026-01-28T20:00:07.1Z", "2026-01-28T20:00:07.100"),
        ("2026-01-28T20:00:07.1239999999Z", "2026-01-28T20:00:07.123"),
        ("2026-01-28T20:00:07.999-23:59", "2026-01-29T19:59:07.999"),
        ("2015-01-01T00:00:00Z", "2015-01-01T00:00:00.000"),
        ("2015-01-01T01:00+01:00", "2015-01-01T00:00:00.000"),
        ("2024-02-29", "2024-02-29T00:00:00.000"),
        (f"2026-01-28T20:00:07.{'9' * 100_000}Z", "2026-01-28T20:00:07.999"),
    ],
)
def test_times_are_read_to_the_millisecond(browser, text, at):
    row = assert_stored(post(browser, event(timestamp=text)))
    assert row["created_at"].isoformat(timespec="milliseconds") == f"{at}+00:00"


def test_a_clock_may_be_a_day_fast_or_89_days_slow(browser, monkeypatch):
    now = uuid7.now()
    monkeypatch.setattr("config.db.uuid7.now_ms", lambda: uuid7.to_ms(now))
    for days in (1, -1, -89):
        at = now + timedelta(days=days)
        assert assert_stored(post(browser, event(timestamp=at.isoformat())))["created_at"] == at
    late = now + timedelta(days=1, milliseconds=1)
    CollectedEvent.objects.all().delete()
    assert_refused(
        post(browser, event(timestamp=late.isoformat())),
        400,
        "timestamp is out of range",
        details=[("timestamp", "Timestamp out of range")],
    )


@pytest.mark.parametrize(
    "type", ["a", "A-Z_0.9", "-", "...", "a" * 64, "__proto__", "error_encountered"]
)
def test_every_well_formed_type_is_stored(browser, type):
    assert assert_stored(post(browser, event(event_type=type)))["event_type"] == type


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"": {"__proto__": 1, "constructor": [None, True, 1.5], "$where": "1"}},
        {"text": 'a\n"\\ \u2028 \uffff \U0001f600 \u202e \\u0000'},
        {"number": 10**400},
    ],
)
def test_data_keep_their_values(browser, data):
    assert assert_stored(post(browser, event(event_data=data)))["event_data"] == data


def test_of_a_repeated_key_the_last_one_counts(browser):
    body = b'{"event_type":"a","event_type":"b","event_data":[],"event_data":{}}'
    assert assert_stored(post_bytes(browser, body))["event_type"] == "b"


def test_the_cap_counts_bytes_of_compact_json(browser):
    fits = {"a": "é" * 4996}
    assert len(json.dumps(fits, ensure_ascii=False, separators=(",", ":")).encode()) == 10_000
    assert assert_stored(post(browser, event(event_data=fits)))["event_data"] == fits


@pytest.mark.parametrize("content_type", ["", "application/json; charset=latin1"])
def test_json_needs_no_type_of_its_own(browser, content_type):
    assert_stored(post_bytes(browser, b"\xef\xbb\xbf" + EVENT_BYTES, content_type))


def test_a_body_of_exactly_the_limit_is_taken(browser):
    body = EVENT_BYTES[:-1] + b',"x":"'
    assert_stored(post_bytes(browser, body + b"y" * (1_048_576 - len(body) - 2) + b'"}'))


def test_accept_and_format_change_nothing(browser):
    response = browser.post(
        f"{PATH}?format=xml",
        EVENT,
        content_type="application/json",
        headers={"Accept": "text/html"},
    )
    assert_stored(response)


# What is refused


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"event_type": ...}, "event_type is required", "Required"),
        ({"event_type": 5}, "event_type must be a string", "Expected string, received number"),
        ({"event_type": None}, "event_type must be a string", "Expected string, received null"),
        ({"event_data": ...}, "event_data is required", "Required"),
        ({"event_data": "{}"}, "event_data must be an object", "Expected object, received string"),
        ({"event_data": []}, "event_data must be an object", "Expected object, received array"),
        ({"event_data": None}, "event_data must be an object", "Expected object, received null"),
        ({"event_data": True}, "event_data must be an object", "Expected object, received boolean"),
        ({"event_data": {"a": "é" * 4996 + "x"}}, "event_data is too large", "Exceeds 10000 bytes"),
        (
            {"event_data": {f"k{n}": 0 for n in range(50_000)}},
            "event_data is too large",
            "Exceeds 10000 bytes",
        ),
        ({"timestamp": 5}, "timestamp must be a string", "Expected string, received number"),
        ({"timestamp": {}}, "timestamp must be a string", "Expected string, received object"),
    ],
)
def test_a_bad_field_is_told(browser, change, error, message):
    sent = {name: value for name, value in (EVENT | change).items() if value is not ...}
    [field] = change
    assert_refused(post(browser, sent), 400, error, details=[(field, message)])
    assert_stored(post(browser, EVENT))


@pytest.mark.parametrize(
    "type", ["a\n", "", "a" * 65, "<script>", "é", " a", "a b", "\u0661", "\u212a", "a\u0300"]
)
def test_a_badly_formed_type_is_told(browser, type):
    details = [("event_type", "Must match ^[A-Za-z0-9_.-]{1,64}$")]
    response = post(browser, EVENT | {"event_type": type})
    assert_refused(response, 400, "event_type is invalid", details=details)


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "", " ", "2026", "2026-01", "20260128", "2026-1-28", "2026-W05-3"),
        *("2026-02-29", "2026-13-01", "2026-01-32", "0000-01-01", "2026-01-28Z"),
        *("2026-01-28T20:00:60Z", "2026-01-28T24:00:00Z", "2026-01-28T20:60Z", "2026-01-28T20Z"),
        *("2026-01-28 20:00:00Z", "2026-01-28t20:00Z", "2026-01-28T20:00z", "2026-01-28T200000Z"),
        *("2026-01-28T20:00:00.Z", "2026-01-28T20:00:00,5Z", "2026-01-28T20:00.5Z"),
        *("2026-01-28T20:00:00+0100", "2026-01-28T20:00:00+01", "2026-01-28T20:00+24:00"),
        *("2026-01-28T20:00+01:60", "2026-01-28T20:00:00Z\n", "2026-01-28T20:00:00+01:00:30"),
        "2026-01-2\u0668",
    ],
)
def test_what_is_no_time_is_told(browser, text):
    response = post(browser, EVENT | {"timestamp": text})
    details = [("timestamp", "Invalid ISO 8601 date-time")]
    assert_refused(response, 400, "timestamp is invalid", details=details)


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00+23:59",
        "2014-12-31T23:59:59.999Z",
        "2015-01-01T00:59+01:00",
        "1969-12-31",
    ],
)
def test_times_out_of_range_are_told(browser, text):
    response = post(browser, EVENT | {"timestamp": text})
    details = [("timestamp", "Timestamp out of range")]
    assert_refused(response, 400, "timestamp is out of range", details=details)


def test_all_bad_fields_are_told_the_first_one_first(browser):
    bad = {"timestamp": 5, "event_data": [], "event_type": ""}
    details = [
        ("event_type", "Must match ^[A-Za-z0-9_.-]{1,64}$"),
        ("event_data", "Expected object, received array"),
        ("timestamp", "Expected string, received number"),
    ]
    assert_refused(post(browser, bad), 400, "event_type is invalid", details=details)


def test_an_empty_body_lacks_both(browser):
    details = [("event_type", "Required"), ("event_data", "Required")]
    assert_refused(post_bytes(browser, b""), 400, "event_type is required", details=details)


@pytest.mark.parametrize("body", [b"[1]", b"null", b"5", b'"x"', b"[]"])
def test_a_body_that_is_no_object_is_told(browser, body):
    error = "Request body must be an object"
    assert_refused(post_bytes(browser, body), 400, error, details=[])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"event": ', "Invalid JSON"),
        (b"{'a':1}", "Invalid JSON"),
        (b'{"a":1} x', "Invalid JSON"),
        (b'{"a":1,}', "Invalid JSON"),
        (b" ", "Invalid JSON"),
        (b'{"a":NaN}', "Numbers must be finite and in range"),
        (b'{"a":1e400}', "Numbers must be finite and in range"),
        (b'{"a":' + b"9" * 5000 + b"}", "Numbers must be finite and in range"),
        (b'{"a":"\xff"}', "Invalid UTF-8"),
        (json.dumps(EVENT).encode("utf-16"), "Invalid UTF-8"),
        (b'{"ignored":"\\u0000"}', "NUL characters are not allowed"),
        (b'{"a":"\\ud800"}', "Lone surrogates are not allowed"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "JSON must not be nested deeper than 64 levels"),
        (b"[" * 100_000, "JSON must not be nested deeper than 64 levels"),
    ],
)
def test_json_problems_are_told_by_their_sentence(browser, body, sentence):
    assert_refused(post_bytes(browser, body), 400, sentence, details=[])


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/x-www-form-urlencoded", {}),
        ("multipart/form-data; boundary=x", {}),
        ("text/plain", {}),
        ("application/json", {"Content-Encoding": "gzip"}),
    ],
)
def test_other_types_are_refused(browser, content_type, headers):
    response = post_bytes(browser, EVENT_BYTES, content_type, headers=headers)
    assert_refused(response, 415, "Unsupported media type")


def test_too_large_a_body_is_refused_unread(browser):
    response = post_bytes(browser, b"x" * 1_048_577, "text/html")
    assert_refused(response, 413, "Request body is too large")


def test_other_methods_are_refused_before_anything_else(api):
    for method in ("get", "put", "patch", "delete", "head"):
        response = getattr(api, method)(PATH, headers={"Origin": "https://evil.example"})
        assert response.status_code == 405
        assert (response["Allow"], "X-Event-Outcome" in response) == ("POST", False)
    body = {"success": False, "error": "Method not allowed"}
    assert_answer(api.get(PATH), 405, body, {"Allow": "POST"})
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert_answer(api.options(PATH, headers=preflight), 405, body, {"Allow": "POST"})


def test_a_host_that_is_not_served_is_refused_in_the_dialect(browser):
    response = post(browser, EVENT, HTTP_HOST="evil.example")
    assert (response.status_code, response.json()) == (
        400,
        {"success": False, "error": "Bad request"},
    )


def test_a_slash_at_the_end_is_another_path(browser):
    response = browser.post(f"{PATH}/", EVENT, content_type="application/json")
    assert_answer(response, 404, {"error": "NOT_FOUND", "message": "Route not found"})


# Who may call


@pytest.mark.parametrize("key", [None, "", "x", "a" * 32, "é" * 32, "a" * 5000, "a" * 8 + "\0"])
def test_a_session_that_is_not_there_is_refused(browser, key):
    response = post(browser.__class__(), EVENT, headers=cookie(key))
    assert_refused_session(response)


def cookie(key):
    """Return the header in which a browser would send a session; quoted, it can hold anything."""
    quoted = "".join(f"\\{ord(each):03o}" if each == "\0" else each for each in key or "")
    return {} if key is None else {"Cookie": f'sessionid="{quoted}"'}


def assert_refused_session(response):
    """Demand the refusal of a request without a session; Django may forget a bad cookie."""
    body = {"success": False, "error": "Valid session required"}
    assert (response.status_code, response.json()) == (403, body)
    assert response["X-Event-Outcome"] == "rejected"
    assert "X-RateLimit-Limit" not in response
    assert stored() == []


def test_an_expired_session_is_refused(browser):
    assert post(browser, b"{").status_code == 400
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert_refused_session(post(browser, EVENT))


def test_an_inactive_user_is_refused_at_once(browser, user):
    assert post(browser, b"{").status_code == 400
    user.is_active = False
    user.save()
    assert_refused_session(post(browser, EVENT))


def test_a_deleted_user_is_refused(browser, user):
    user.delete()
    assert_refused_session(post(browser, EVENT))


def test_a_session_from_before_a_new_password_is_refused(browser, user):
    user.set_password("AnotherPass123")
    user.save()
    assert_refused_session(post(browser, EVENT))


def test_after_the_end_of_the_session_nothing_is_taken(browser):
    key = browser.cookies["sessionid"].value
    browser.delete("/api/v1/auth/session")
    assert_refused_session(post(browser, EVENT))
    assert_refused_session(post(browser, EVENT, headers={"Cookie": f"sessionid={key}"}))


def test_a_token_is_no_session(api, token):
    assert_refused_session(post(api, EVENT, headers=bearer(token)))


def test_the_session_of_the_admin_is_one(staff_api):
    assert_stored(post(staff_api, EVENT))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://testserver"},
        {"Origin": "http://testserver:8000"},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "http://sub.testserver"},
        {"Origin": "http://user@testserver"},
        {"Origin": "testserver"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Origin": "https://testserver", "X-Forwarded-Proto": "https"},
        {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"},
    ],
)
def test_other_sites_are_refused_whatever_the_session(browser, settings, headers):
    settings.ALLOWED_HOSTS = ["testserver", "evil.example"]
    response = post(browser, b"{", headers=headers)
    assert_refused(response, 403, "Cross-site request refused")
    without = post(browser.__class__(), EVENT, headers=headers)
    assert_refused(without, 403, "Cross-site request refused")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://testserver"},
        {"Origin": "http://testserver:80"},
        {"Origin": "HTTP://TestServer"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_pages_of_the_service_may_send(browser, headers):
    assert_stored(post(browser, EVENT, headers=headers))


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("testserver:8000", "http://testserver:8000"),
        ("TESTSERVER:80", "http://testserver"),
        ("[::1]:80", "http://[::1]"),
        ("[::80]", "http://[::80]"),
    ],
)
def test_the_port_belongs_to_the_origin(browser, settings, host, origin):
    settings.ALLOWED_HOSTS = ["testserver", "[::1]", "[::80]"]
    assert_stored(post(browser, EVENT, HTTP_HOST=host, headers={"Origin": origin}))


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://millrace.example", 200),
        ("https://millrace.example:443", 200),
        ("http://millrace.example", 403),
        ("http://testserver", 403),
    ],
)
def test_behind_a_trusted_proxy_its_headers_tell_the_origin(browser, settings, origin, status):
    settings.TRUSTED_PROXIES = parse_networks(["10.0.0.0/8"])
    settings.ALLOWED_HOSTS = ["millrace.example"]
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "millrace.example"}
    headers = {"Origin": origin, **forwarded}
    assert post(browser, EVENT, headers=headers, REMOTE_ADDR="10.0.0.1").status_code == status


# Switches and failures


def set_to(**values):
    """Change runtime settings, as the admin does."""
    RuntimeSettings.load().change(values, changed_by="staff@example.com")
    runtime.expire()


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
def test_while_the_switch_is_off_nothing_is_stored(browser, text):
    set_to(collect_enabled=text)
    response = post(browser, EVENT)
    assert_answer(response, 200, recorded(id_in(response)), KILL_SWITCH)
    assert uuid7.time_of(uuid_of(id_in(response))) == AT
    assert stored() == []


def test_while_the_switch_is_off_refusals_are_the_usual_ones(browser):
    set_to(collect_enabled="false")
    large = EVENT | {"event_data": {"a": "x" * 10_000}}
    details = [("event_data", "Exceeds 10000 bytes")]
    assert_refused(post(browser, large), 400, "event_data is too large", details=details)
    assert_refused(post(browser, EVENT, content_type="text/plain"), 415, "Unsupported media type")
    assert_refused_session(post(browser.__class__(), EVENT))


def test_the_switch_needs_no_database_of_events(browser, analytics_away):
    set_to(collect_enabled="false")
    assert post(browser, EVENT)["X-Event-Outcome"] == KILL_SWITCH["X-Event-Outcome"]


def test_the_switches_of_other_apis_do_not_matter(browser):
    others = ("tracking", "activity", "platform", "events")
    set_to(**{f"{name}_enabled": "false" for name in others})
    assert_stored(post(browser, EVENT))


def test_the_cap_can_be_changed(browser):
    set_to(max_event_data_bytes=2)
    assert_stored(post(browser, event()))
    CollectedEvent.objects.all().delete()
    details = [("event_data", "Exceeds 2 bytes")]
    response = post(browser, event(event_data={"": 0}))
    assert_refused(response, 400, "event_data is too large", details=details)


@pytest.mark.parametrize("is_salt_known", [True, False])
def test_without_the_analytics_database_it_says_so(browser, is_salt_known):
    if is_salt_known:
        address_hash.hash_address("127.0.0.1")
    with away("analytics", "the analytics database is away"):
        assert_answer(post(browser, EVENT), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored() == []
    address_hash.reset()
    assert_stored(post(browser, EVENT))


def test_without_the_main_database_no_session_can_be_checked(browser):
    with away("default", "the main database is away"):
        assert_answer(post(browser, EVENT), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored() == []


def test_without_a_confirmation_it_says_so(browser, monkeypatch):
    def fail(*group):
        raise OperationalError("no answer")

    monkeypatch.setattr(commit, "store_group", fail)
    assert_answer(post(browser, EVENT), 503, UNAVAILABLE, WRITE_FAILED)


def test_a_row_that_the_database_refuses_is_the_services_fault(browser, refuse_type):
    refuse_type("bad")
    response = post(browser, EVENT | {"event_type": "bad"})
    assert_answer(response, 500, SERVER_ERROR, WRITE_FAILED)
    assert stored() == []
    assert_stored(post(browser, EVENT))


@pytest.fixture
def refuse_type(db):
    """Let the database alone refuse events of a type."""

    def refuse(type):
        with connections["analytics"].cursor() as cursor:
            cursor.execute(
                "ALTER TABLE analytics_collectedevent "
                f"ADD CONSTRAINT refused CHECK (event_type <> '{type}')"
            )

    return refuse


def test_a_crash_is_told_without_details(browser, monkeypatch, caplog):
    monkeypatch.setattr("analytics.collect.api.store", None)
    assert_answer(post(browser, EVENT), 500, SERVER_ERROR, WRITE_FAILED)
    assert "NoneType" in caplog.text


def test_no_address_is_logged(browser, caplog):
    caplog.set_level(logging.DEBUG)
    assert_stored(post(browser, EVENT, REMOTE_ADDR="198.51.100.7"))
    assert "198.51.100.7" not in caplog.text


def test_a_session_costs_one_query_once_it_is_known(browser, django_assert_num_queries):
    post(browser, b"{")
    with django_assert_num_queries(1, using="default"):
        assert_stored(post(browser, EVENT))
