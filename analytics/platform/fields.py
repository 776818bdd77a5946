"""The timestamp of the platform API: a date, ISO 8601 or Unix time, read as pydantic does."""

import re
from calendar import monthrange
from datetime import UTC, datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_FLOOR, Context, Decimal
from typing import ClassVar

from config.api.fields import StrictField
from config.api.timestamps import is_event_time
from config.db import uuid7

LAST_IN_SECONDS = 20_000_000_000  # a number of a larger magnitude counts milliseconds
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)  # the usual one rounds to 28 digits
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_TIME = re.compile(
    r"[Tt_ ](?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9])(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours_off>[01][0-9]|2[0-3]):?(?P<minutes_off>[0-5][0-9]))?"
)
_DIGITS = re.compile("[0-9]+")


class NotADate(ValueError):
    """A text that is no date; its message says why not."""


class Timestamp(StrictField):
    """The time of an event as Unix milliseconds, from a text or a number."""

    json_types, type_code = (str, int, float), "datetime_type"
    schema: ClassVar = {
        "type": ["string", "number"],
        "description": (
            "A date, ISO 8601, or Unix time in seconds or milliseconds, as text or number."
        ),
    }

    def to_internal_value(self, data: str | int | float) -> int:
        try:
            ms = _of_text(data) if isinstance(data, str) else _of_number(Decimal(repr(data)))
        except NotADate as error:
            self.fail("datetime_from_date_parsing", data, error=str(error))
        if not is_event_time(ms):
            self.fail("timestamp_range", data)
        return int(ms)


def _of_text(text: str) -> int | Decimal:
    return _of_number(Decimal(text)) if _NUMBER.fullmatch(text) else _of_date(text)


def _of_number(number: Decimal) -> int | Decimal:
    """Return a Unix time in whole milliseconds, as a Decimal: it may have a million digits."""
    is_in_seconds = -LAST_IN_SECONDS <= number <= LAST_IN_SECONDS
    ms = number.scaleb(3, _EXACT) if is_in_seconds else number
    return ms.to_integral_value(ROUND_FLOOR)


def _of_date(text: str) -> int:
    """Return the time of a date, with or without a time of day; raises NotADate."""
    year, month, day = _date(text)
    time = _TIME.fullmatch(text, 10)
    if len(text) > 10 and not time:
        raise NotADate("unexpected extra characters at the end of the input")
    # There is no year 0 here; like year 4, a leap year too, it is too long ago.
    midnight = uuid7.to_ms(datetime(year or 4, month, day, tzinfo=UTC))
    return midnight + (_ms_of_day(time) if time else 0)


def _date(text: str) -> tuple[int, int, int]:
    year, month, day = text[:4], text[5:7], text[8:10]
    if len(text) < 10:
        raise NotADate("input is too short")
    if not _DIGITS.fullmatch(year):
        raise NotADate("invalid character in year")
    if text[4] != "-" or text[7] != "-":
        raise NotADate("invalid date separator, expected `-`")
    if not _DIGITS.fullmatch(month):
        raise NotADate("invalid character in month")
    if not 1 <= int(month) <= 12:
        raise NotADate("month value is outside expected range of 1-12")
    if not _DIGITS.fullmatch(day):
        raise NotADate("invalid character in day")
    if not 1 <= int(day) <= monthrange(int(year), int(month))[1]:
        raise NotADate("day value is outside expected range")
    return int(year), int(month), int(day)


def _ms_of_day(time: re.Match[str]) -> int:
    """Return the milliseconds since midnight of UTC; below 0 for an offset to the east."""
    minutes = int(time["hour"]) * 60 + int(time["minute"])
    if time["sign"]:
        offset = int(time["hours_off"]) * 60 + int(time["minutes_off"])
        minutes += offset if time["sign"] == "-" else -offset
    fraction = int((time["fraction"] or "0").ljust(3, "0")[:3])
    return (minutes * 60 + int(time["second"] or 0)) * 1000 + fraction
