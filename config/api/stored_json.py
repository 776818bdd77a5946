"""JSON values as they come back from PostgreSQL, whose jsonb writes out all digits of numbers.

1e308 comes back as a whole number of 309 digits, so that a body of such numbers grows fifty-fold.
"""

from decimal import Decimal
from typing import Any

LONG = 10**127  # shorter numbers stay whole, as clients of big integers may have sent them


def shorten(value: Any) -> Any:
    """Return a JSON value with the long numbers that some float stands for as that float."""
    if isinstance(value, dict):
        return {name: shorten(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shorten(item) for item in value]
    if isinstance(value, int) and not -LONG < value < LONG:
        return _as_float(value)
    return value


def _as_float(number: int) -> int | float:
    """Return the float whose shortest text is this number, the number itself if there is none."""
    try:
        nearest = float(number)
    except OverflowError:
        return number
    return nearest if int(Decimal(repr(nearest))) == number else number
