"""The timestamp of the platform API: a date, ISO 8601 or Unix time, read as pydantic does."""

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_FLOOR, Context, Decimal
from typing import ClassVar

from config.api.fields import StrictField
from config.api.timestamps import NotADate, is_event_time, parse_date

LAST_IN_SECONDS = 20_000_000_000  # a number of a larger magnitude counts milliseconds
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)  # the usual one rounds to 28 digits
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


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
    return _of_number(Decimal(text)) if _NUMBER.fullmatch(text) else parse_date(text)


def _of_number(number: Decimal) -> int | Decimal:
    """Return a Unix time in whole milliseconds, as a Decimal: it may have a million digits."""
    is_in_seconds = -LAST_IN_SECONDS <= number <= LAST_IN_SECONDS
    ms = number.scaleb(3, _EXACT) if is_in_seconds else number
    return ms.to_integral_value(ROUND_FLOOR)
