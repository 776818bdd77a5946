"""Dates that commands take"""

from uuid import UUID

from django.core.management import CommandError

from config.api.timestamps import NotADate, parse_date

DATES = "a date of UTC like 2026-01-28, or a time like 2026-01-28T20:00:00Z"


def floor_of(text: str) -> UUID:
    """Return the lowest id of a date; raises CommandError."""
    try:
        return UUID(int=max(parse_date(text), 0) << 80)
    except NotADate as error:
        raise CommandError(f"'{text}' is no date: {error}. Write {DATES}.") from error
