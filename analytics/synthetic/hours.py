"""Days and hours of made-up traffic, and ids from a seed"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from random import Random
from typing import NamedTuple
from uuid import UUID

from analytics.ingest.bulk_copy import Row, Table
from config.db import uuid7

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
# Relative traffic of each hour of UTC: a quiet night, a morning, and a peak in the evening.
HOURS = (3, 2, 1, 1, 1, 2, 4, 7, 10, 12, 12, 12, 13, 12, 12, 12, 12, 13, 14, 15, 15, 13, 9, 5)
WEEK = (1.05, 1.1, 1.1, 1.05, 1.0, 0.75, 0.8)  # from Monday on
VARIATION = 0.15  # of each day, at random

Rows = Mapping[Table, Mapping[UUID, Row]]


class Hours(NamedTuple):
    """The hours of a day, within a period that ends with it or later."""

    start_ms: int
    period_end_ms: int

    def random_times(self, random: Random, count: int) -> list[int]:
        """Return random times of the day in Unix milliseconds, more of them in busy hours."""
        hours = random.choices(range(24), HOURS, k=count)
        chance = random.random
        return [self.start_ms + hour * HOUR_MS + int(chance() * HOUR_MS) for hour in hours]


def weight_of(day: date, random: Random) -> float:
    """Return the relative traffic of a day: weeks have a rhythm, and no two are the same."""
    return WEEK[day.weekday()] * random.uniform(1 - VARIATION, 1 + VARIATION)


def start_ms_of(day: date) -> int:
    return uuid7.to_ms(start_of(day))


def start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def seeded_id(random: Random, ms: int) -> UUID:
    """Return an id whose random bits come from a seeded source."""
    return uuid7.with_bits(ms, random.getrandbits(80))
