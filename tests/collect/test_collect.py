"""POST /api/analytics/collect: what is stored"""

import json
from datetime import UTC, datetime, timedelta

import pytest

from analytics.collect.models import CollectedEvent
from config.api import address_hash
from config.db import uuid7
from tests.support.collect import EVENT, PATH, assert_error, assert_stored, event

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

AT = datetime(2026, 1, 28, 20, 0, tzinfo=UTC)
EVENT_BYTES = json.dumps(EVENT).encode()


def test_an_event_is_stored_with_everything_but_the_address(browser, user):
    before = uuid7.now()
    response = browser.post(
        PATH, EVENT, REMOTE_ADDR="198.51.100.7", headers={"User-Agent": "Secret/1.0"}
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


def test_the_hash_of_an_address_is_another_one_tomorrow(browser, clock):
    marks = set()
    for days in (0, 0, 1):
        clock.move(days=days)
        marks.add(assert_stored(browser.post(PATH, event()))["ip_hash"])
    assert len(marks) == 2


def test_the_user_comes_from_the_session_only(browser, user):
    assert assert_stored(browser.post(PATH, event(user_id="x", userId="y")))["user_id"] == user.id


@pytest.mark.parametrize("sent", [event(), event(timestamp=None)])
def test_without_a_timestamp_the_time_of_receipt_is_the_time(browser, sent):
    before = uuid7.now_ms()
    row = assert_stored(browser.post(PATH, sent))
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
        ("2026-01-28 20:00:07z", "2026-01-28T20:00:07.000"),
        ("2026-01-28_20:00", "2026-01-28T20:00:00.000"),
        ("2026-01-28t20:00:07.5+0530", "2026-01-28T14:30:07.500"),
        ("2026-01-28 20:00:00-0000", "2026-01-28T20:00:00.000"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000"),
        ("2017-01-01T05:29:60.75+0530", "2016-12-31T23:59:59.750"),
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
    row = assert_stored(browser.post(PATH, event(timestamp=text)))
    assert row["created_at"].isoformat(timespec="milliseconds") == f"{at}+00:00"


def test_a_clock_may_be_a_day_fast_or_89_days_slow(browser, clock):
    now = clock.now
    for days in (1, -1, -89):
        at = now + timedelta(days=days)
        assert (
            assert_stored(browser.post(PATH, event(timestamp=at.isoformat())))["created_at"] == at
        )
    late = now + timedelta(days=1, milliseconds=1)
    CollectedEvent.objects.all().delete()
    assert_error(
        browser.post(PATH, event(timestamp=late.isoformat())),
        400,
        "timestamp is out of range",
        details=[("timestamp", "Timestamp out of range")],
    )


@pytest.mark.parametrize(
    "type",
    [
        *("a", "A-Z_0.9", "-", "...", "a" * 64, "__proto__", "error_encountered", "/"),
        *("$pageview", "form:submit", "cart/checkout/step-2", "Order Completed", "a b c d"),
        *("página vista", "клик", "クリック", "点击", "نقر", "बटन क्लिक", "ไทย", "한국어", "\u212a"),
        *(
            "a\u0301",
            "\u0301",
            "٣",
            "१२३",
            "\U0001d4b3",
            "𞤀",
            "é" * 64,
            "𠮷" * 64,
            "a " * 31 + "ab",
        ),
    ],
)
def test_every_well_formed_type_is_stored(browser, type):
    assert assert_stored(browser.post(PATH, event(event_type=type)))["event_type"] == type


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"": {"__proto__": 1, "constructor": [None, True, 1.5], "$where": "1"}},
        {"text": 'a\n"\\ \u2028 \uffff \U0001f600 \u202e \\u0000'},
        {"number": 10**400},
    ],
)
def test_data_are_stored_unchanged(browser, data):
    assert assert_stored(browser.post(PATH, event(event_data=data)))["event_data"] == data


def test_of_a_repeated_key_the_last_one_counts(browser):
    body = b'{"event_type":"a","event_type":"b","event_data":[],"event_data":{}}'
    assert assert_stored(browser.post_bytes(PATH, body))["event_type"] == "b"


def test_the_cap_counts_bytes_of_compact_json(browser):
    fits = {"a": "é" * 4996}
    assert len(json.dumps(fits, ensure_ascii=False, separators=(",", ":")).encode()) == 10_000
    assert assert_stored(browser.post(PATH, event(event_data=fits)))["event_data"] == fits


@pytest.mark.parametrize("content_type", ["", "application/json; charset=latin1"])
def test_json_needs_no_type_of_its_own(browser, content_type):
    assert_stored(browser.post_bytes(PATH, b"\xef\xbb\xbf" + EVENT_BYTES, content_type))


def test_a_body_of_exactly_the_limit_is_taken(browser):
    body = EVENT_BYTES[:-1] + b',"x":"'
    assert_stored(browser.post_bytes(PATH, body + b"y" * (4_194_304 - len(body) - 2) + b'"}'))


def test_accept_and_format_are_ignored(browser):
    response = browser.post(f"{PATH}?format=xml", EVENT, headers={"Accept": "text/html"})
    assert_stored(response)
