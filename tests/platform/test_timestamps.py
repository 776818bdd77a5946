"""Timestamps of platform events"""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.collect.fields import IsoTime
from analytics.platform.fields import Timestamp
from config.api.errors import Invalid
from config.api.timestamps import DATE_PATTERN
from config.db import uuid7
from tests.support.platform import (
    BATCH_PATH,
    MINIMAL_EVENT,
    PATH,
    assert_invalid,
    assert_tracked,
    error_item,
    stored_rows,
    value_error_item,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

DAY_MS = 86_400_000
NOW_MS = 1_795_000_000_000
SHORT = "input is too short"
YEAR = "invalid character in year"
SEPARATOR = "invalid date separator, expected `-`"
MONTH_CHARACTER = "invalid character in month"
MONTH = "month value is outside expected range of 1-12"
DAY_CHARACTER = "invalid character in day"
DAY = "day value is outside expected range"
EXTRA = "unexpected extra characters at the end of the input"


def at(year, month, day, hour=0, minute=0, second=0, *, ms=0):
    """Return a time of UTC."""
    return datetime(year, month, day, hour, minute, second, ms * 1000, UTC)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-01-28", at(2026, 1, 28)),
        ("2024-02-29", at(2024, 2, 29)),
        ("2026-01-28T20:00", at(2026, 1, 28, 20)),
        ("2026-01-28t20:01:02", at(2026, 1, 28, 20, 1, 2)),
        ("2026-01-28_20:01:02.5", at(2026, 1, 28, 20, 1, 2, ms=500)),
        ("2026-01-28 23:59:59.9999999999z", at(2026, 1, 28, 23, 59, 59, ms=999)),
        ("2026-01-28T20:00Z", at(2026, 1, 28, 20)),
        ("2026-01-28T20:00+03:00", at(2026, 1, 28, 17)),
        ("2026-01-28T20:00:00.123-0530", at(2026, 1, 29, 1, 30, 0, ms=123)),
        ("2016-12-31T23:59:60Z", at(2016, 12, 31, 23, 59, 59)),
        ("2016-12-31 23:59:60.5", at(2016, 12, 31, 23, 59, 59, ms=500)),
        ("2017-01-01T08:59:60+0900", at(2016, 12, 31, 23, 59, 59)),
        ("2015-01-01T00:00:00Z", at(2015, 1, 1)),
        ("2014-12-31T23:00:00-01:00", at(2015, 1, 1)),
        (1_769_630_400, at(2026, 1, 28, 20)),
        (1_769_630_400.1239, at(2026, 1, 28, 20, 0, 0, ms=123)),
        (1_769_630_400.001, at(2026, 1, 28, 20, 0, 0, ms=1)),
        (1_769_630_400_123, at(2026, 1, 28, 20, 0, 0, ms=123)),
        (1_769_630_400_123.9, at(2026, 1, 28, 20, 0, 0, ms=123)),
        (1.7696304e9, at(2026, 1, 28, 20)),
        ("1769630400", at(2026, 1, 28, 20)),
        ("+1769630400.123", at(2026, 1, 28, 20, 0, 0, ms=123)),
        ("1769630400123", at(2026, 1, 28, 20, 0, 0, ms=123)),
        (f"1769630400.{'9' * 30}", at(2026, 1, 28, 20, 0, 0, ms=999)),
        (1_420_070_400, at(2015, 1, 1)),
    ],
)
def test_many_ways_to_write_a_time_are_understood(api, token, sent, kept):
    id = assert_tracked(api.post(PATH, MINIMAL_EVENT | {"timestamp": sent}, token=token))
    assert uuid7.time_of(id) == kept
    assert stored_rows()[0]["created_at"] == kept


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("", SHORT),
        ("yesterday", SHORT),
        ("2026-1-28", SHORT),
        (" 12345 ", SHORT),
        ("1e9", SHORT),
        ("inf", SHORT),
        ("not a date at all", YEAR),
        (" 2026-01-28", YEAR),
        ("²026-01-28", YEAR),
        ("-026-01-28", YEAR),
        ("2026/01/28", SEPARATOR),
        ("2026-01/28", SEPARATOR),
        ("2026-x1/28", SEPARATOR),
        ("20260128T200000Z", SEPARATOR),
        ("2026-x1-28", MONTH_CHARACTER),
        ("2026-\u06601-28", MONTH_CHARACTER),
        ("2026-00-28", MONTH),
        ("2026-13-xx", MONTH),
        ("2026-01-x8", DAY_CHARACTER),
        ("2026-01-00", DAY),
        ("2026-01-32", DAY),
        ("2024-02-30T00:00:00Z", DAY),
        ("2026-02-29", DAY),
        ("1900-02-29", DAY),
        ("2026-04-31Tx", DAY),
        ("2026-01-28 ", EXTRA),
        ("2026-01-28\n", EXTRA),
        ("2026-01-28Z", EXTRA),
        ("2026-01-28T", EXTRA),
        ("2026-01-28T20", EXTRA),
        ("2026-01-28T2000", EXTRA),
        ("2026-01-28T24:00", EXTRA),
        ("2026-01-28T20:60", EXTRA),
        ("2026-01-28T20:00:61Z", EXTRA),
        ("2026-01-28T20:00:00.Z", EXTRA),
        ("2026-01-28T20:00:00 Z", EXTRA),
        ("2026-01-28T20:00+24:00", EXTRA),
        ("2026-01-28T20:00+01:60", EXTRA),
        ("2026-01-28T20:00+01", EXTRA),
        ("2026-01-28T20:00Z\n", EXTRA),
        ("2026-01-28T20:00Zx", EXTRA),
    ],
)
def test_the_first_reason_why_a_text_is_no_date_is_reported(api, token, sent, reason):
    message = f"Input should be a valid datetime or date, {reason}"
    result = ["datetime_from_date_parsing", ["timestamp"], message, sent, {"error": reason}]
    assert_invalid(
        api.post(PATH, MINIMAL_EVENT | {"timestamp": sent}, token=token), error_item(*result)
    )
    result[1] = ["events", 0, "timestamp"]
    response = api.post(BATCH_PATH, {"events": [MINIMAL_EVENT | {"timestamp": sent}]}, token=token)
    assert_invalid(response, error_item(*result))


@pytest.mark.parametrize(
    "sent",
    [
        *("0001-01-01", "0000-01-01", "0000-02-29", "2014-12-31T23:59:59.999Z", "9999-12-31"),
        *("2014-12-31T23:59:59+00:00", "0001-01-01T00:00+23:59", "9999-12-31T23:59:59-23:59"),
        *(-1, 0, 1, 0.5, -1e300, 1e300, 20_000_000_000, 20_000_000_000.5, 1_420_070_399.999),
        *(int("9" * 400), "-1", "0", "9" * 1000, "0." + "9" * 1000),
    ],
)
def test_times_before_2015_and_far_ahead_are_out_of_range(api, token, sent):
    result = value_error_item("Timestamp out of range", "timestamp", input=sent)
    assert_invalid(api.post(PATH, MINIMAL_EVENT | {"timestamp": sent}, token=token), result)


def test_a_number_of_a_million_digits_is_out_of_range(api, token):
    sent = "9" * 1_040_000
    result = value_error_item("Timestamp out of range", "timestamp", input=None)
    assert_invalid(api.post(PATH, MINIMAL_EVENT | {"timestamp": sent}, token=token), result)


def test_20_thousand_million_is_the_last_number_of_seconds(clock):
    clock.set(uuid7.from_ms(30_000_000_000_000))
    field = Timestamp()
    assert field.run_validation(20_000_000_000) == 20_000_000_000_000
    assert field.run_validation("20000000000.0") == 20_000_000_000_000
    with pytest.raises(Invalid):
        field.run_validation(20_000_000_001)  # milliseconds of 1970


@pytest.fixture
def now(clock):
    """Let it be NOW_MS, before a token is issued."""
    clock.set(uuid7.from_ms(NOW_MS))


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_a_clock_may_be_a_day_fast(now, api, token, path):
    last = NOW_MS + DAY_MS
    events = [MINIMAL_EVENT | {"timestamp": ms} for ms in (last, last + 0.9, last + 1)]
    bodies = events if path == PATH else [{"events": [event]} for event in events]
    too_late = api.post(path, bodies[2], token=token)
    loc = ["timestamp"] if path == PATH else ["events", 0, "timestamp"]
    assert_invalid(too_late, value_error_item("Timestamp out of range", *loc, input=last + 1))
    for body in bodies[:2]:
        assert api.post(path, body, token=token).status_code == 200
    assert [row["created_at"] for row in stored_rows()] == [uuid7.from_ms(last)] * 2


FINITE = st.floats(allow_nan=False, allow_infinity=False)  # JSON has no others


@given(st.one_of(st.text(), FINITE, st.integers(), st.from_regex(r"\A[0-9T:.+-]{8,32}\Z")))
def test_any_text_and_any_number_is_accepted_or_rejected(value):
    try:
        ms = Timestamp().run_validation(value)
    except Invalid as error:
        [result] = error.problems
        assert result.code in ("datetime_from_date_parsing", "timestamp_range")
    else:
        assert type(ms) is int


@given(st.from_regex(DATE_PATTERN))
def test_collect_reads_the_same_dates(text):
    def read(field):
        try:
            return field.run_validation(text)
        except Invalid as error:
            return error.problems[0].code == "timestamp_range"

    assert read(IsoTime()) == read(Timestamp())


@given(st.datetimes(datetime(2015, 1, 2), datetime(2026, 1, 1), timezones=st.timezones()))
def test_what_python_writes_is_read_as_the_same_moment(moment):
    kept = Timestamp().run_validation(moment.isoformat())
    assert kept == uuid7.to_ms(moment.astimezone(UTC))
