"""The times of events as clients write them: dates, ISO 8601, Unix time, UUIDv7."""

import re
from calendar import monthrange
from datetime import UTC, datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_FLOOR, Context, Decimal
from typing import Any
from uuid import UUID

from config.api.errors import (
    Invalid,
    Problem,
)
from config.api.fields import StrictField
from config.db import uuid7

EARLIEST_MS = 1_420_070_400_000  # 2015-01-01T00:00:00.000Z
AHEAD_MS = 86_400_000  # a client's clock may be a day fast
LAST_IN_SECONDS = 20_000_000_000  # a number of a larger magnitude counts milliseconds
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)  # the usual one rounds to 28 digits
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_TIME = re.compile(
    r"[Tt_ ](?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9])(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours_off>[01][0-9]|2[0-3]):?(?P<minutes_off>[0-5][0-9]))?"
)
_DIGITS = re.compile("[0-9]+")
_ISO_TIME = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?)?",
    re.ASCII,
)
_UUID7 = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-7[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$"


def is_event_time(ms: float | Decimal) -> bool:
    """Tell whether a time in Unix milliseconds is acceptable as the time of an event."""
    return EARLIEST_MS <= ms <= uuid7.now_ms() + AHEAD_MS


class NotADate(ValueError):
    """A text that is no date; its message says why not."""


class UnixMilliseconds(StrictField):
    """The time of an event as a number of milliseconds, a fraction of one cut off."""

    type_code = "number_type"

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int and type(data) is not float:
            raise Invalid(Problem(self.type_code, input=data))
        ms = int(data)
        if not is_event_time(ms):
            raise Invalid(Problem("timestamp_range", input=data))
        return ms

    def json_schema(self) -> dict[str, Any]:
        about = "Unix time in milliseconds, at most 24 hours ahead; a fraction is cut off."
        return {"type": "number", "minimum": EARLIEST_MS, "description": about}


class EventId(StrictField):
    """A UUIDv7 that the client chose for its event."""

    type_code = "string_type"

    def to_internal_value(self, data: Any) -> UUID:
        if type(data) is not str:
            raise Invalid(Problem(self.type_code, input=data))
        id = uuid7.parse(data)
        if id is None or id.version != 7:
            raise Invalid(Problem("uuid_parsing", input=data))
        if not is_event_time(uuid7.ms_of(id)):
            raise Invalid(Problem("timestamp_range", input=data))
        return id

    def json_schema(self) -> dict[str, Any]:
        about = "A UUIDv7; its time is that of the event."
        return {"type": "string", "format": "uuid", "pattern": _UUID7, "description": about}


class IsoTime(StrictField):
    """A day, or a time of a day to the minute or finer, in ISO 8601; of UTC without an offset."""

    type_code = "string_type"

    def to_internal_value(self, data: Any) -> int:
        """Return Unix milliseconds, finer fractions cut off."""
        if type(data) is not str:
            raise Invalid(Problem(self.type_code, input=data))
        try:
            at = datetime.fromisoformat(data) if _ISO_TIME.fullmatch(data) else None
        except ValueError:  # there is no such day
            at = None
        if at is None:
            raise Invalid(Problem("datetime_parsing", input=data))
        ms = uuid7.to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))
        if not is_event_time(ms):
            raise Invalid(Problem("timestamp_range", input=data))
        return ms

    def json_schema(self) -> dict[str, Any]:
        about = "A day, or a time of a day; of UTC without an offset."
        return {"type": "string", "pattern": f"^{_ISO_TIME.pattern}$", "description": about}


class Timestamp(StrictField):
    """The time of an event as Unix milliseconds, from a text or a number."""

    type_code = "datetime_type"

    def to_internal_value(self, data: Any) -> int:
        if type(data) not in (str, int, float):
            raise Invalid(Problem(self.type_code, input=data))
        try:
            ms = _of_text(data) if type(data) is str else _of_number(Decimal(repr(data)))
        except NotADate as error:
            context = {"error": str(error)}
            raise Invalid(
                Problem("datetime_from_date_parsing", input=data, context=context)
            ) from None
        if not is_event_time(ms):
            raise Invalid(Problem("timestamp_range", input=data))
        return int(ms)

    def json_schema(self) -> dict[str, Any]:
        about = "A date, ISO 8601, or Unix time in seconds or milliseconds, as text or number."
        return {"type": ["string", "number"], "description": about}


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
