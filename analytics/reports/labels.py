"""Names of values that are codes: countries and languages, in English."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale

DIRECT = "Direct"
UNKNOWN = "Unknown"


def label(dimension: str, value: str | None) -> str | None:
    """Return what people call a value, None where the value says it."""
    if value is None:
        return DIRECT if dimension == "source" else UNKNOWN
    if dimension == "country":
        return _english().territories.get(value)
    if dimension == "language":
        return _language(value)
    return None


@cache
def _language(value: str) -> str | None:
    from babel import Locale, UnknownLocaleError  # loading takes long, and few processes need it

    try:
        return Locale.parse(value, sep="-").get_display_name("en")
    except (UnknownLocaleError, ValueError):
        return None


@cache
def _english() -> "Locale":
    from babel import Locale

    return Locale("en")
