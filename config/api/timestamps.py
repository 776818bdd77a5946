"""The times that events may have, and how they are written."""

import re
from calendar import monthrange
from datetime import date
from decimal import Decimal

from config.db import uuid7

EARLIEST_MS = 1_420_070_400_000  # 2015-01-01T00:00:00.000Z
AHEAD_MS = 86_400_000  # a client's clock may be a day fast
_EPOCH = date(1970, 1, 1)
_DATE = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[Tt_ ](?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9]|60)(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours_off>[01][0-9]|2[0-3]):?(?P<minutes_off>[0-5][0-9]))?)?"
)
_DIGITS = re.compile("[0-9]+")
DATE_PATTERN = f"^{re.sub('[?]P<[a-z_]+>', '', _DATE.pattern)}$"  # of JSON Schema


class NotADate(ValueError):
    """A text that is no date; its message says why not."""


def is_event_time(ms: float | Decimal) -> bool:
    """Return whether a time in Unix milliseconds is acceptable as the time of an event."""
    return EARLIEST_MS <= ms <= uuid7.now_ms() + AHEAD_MS


def parse_date(text: str) -> int:
    """Return the Unix milliseconds of a date, with or without a time of day; raises NotADate.

    UTC without an offset; finer fractions are cut off. A leap second is the second before it.
    """
    found = _DATE.fullmatch(text)
    if not found:
        raise NotADate(_reason(text))
    try:
        # There is no year 0 here; like year 4, a leap year too, it is too long ago.
        day = date(int(found["year"]) or 4, int(found["month"]), int(found["day"]))
    except ValueError:
        raise NotADate(_reason(text)) from None
    midnight = (day - _EPOCH).days * 86_400_000
    return midnight + _ms_of_day(found) if found["hour"] else midnight


def _ms_of_day(time: re.Match[str]) -> int:
    """Return the milliseconds since midnight of UTC; below 0 for an offset to the east."""
    minutes = int(time["hour"]) * 60 + int(time["minute"])
    if time["sign"]:
        offset = int(time["hours_off"]) * 60 + int(time["minutes_off"])
        minutes += offset if time["sign"] == "-" else -offset
    seconds = minutes * 60 + min(59, int(time["second"] or 0))
    return seconds * 1000 + int((time["fraction"] or "0")[:3].ljust(3, "0"))


def _reason(text: str) -> str:
    """Return the first reason why a text is no date."""
    year, month, day = text[:4], text[5:7], text[8:10]
    if len(text) < 10:
        return "input is too short"
    if not _DIGITS.fullmatch(year):
        return "invalid character in year"
    if text[4] != "-" or text[7] != "-":
        return "invalid date separator, expected `-`"
    if not _DIGITS.fullmatch(month):
        return "invalid character in month"
    if not 1 <= int(month) <= 12:
        return "month value is outside expected range of 1-12"
    if not _DIGITS.fullmatch(day):
        return "invalid character in day"
    if not 1 <= int(day) <= monthrange(int(year), int(month))[1]:
        return "day value is outside expected range"
    return "unexpected extra characters at the end of the input"
