"""Dates that commands take"""

from uuid import UUID

from django.core.management import CommandError

from config.api.timestamps import NotADate, parse_date
from config.db import uuid7

DATES = "a date of UTC like 2026-01-28, or a time like 2026-01-28T20:00:00Z"


def floor_of(text: str) -> UUID:
    """Return the lowest id of a date; raises CommandError."""
    try:
        return uuid7.floor(uuid7.from_ms(parse_date(text)))
    except NotADate as error:
        raise CommandError(f"'{text}' is no date: {error}. Write {DATES}.") from error
