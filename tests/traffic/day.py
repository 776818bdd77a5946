"""One day of one stream, as its generator receives it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import NamedTuple
from uuid import UUID

from analytics.ingest.bulk_copy import Row, Table
from tests.traffic.dataset import Dataset

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
# Relative traffic of each hour of UTC: a quiet night, a morning, and a peak in the evening.
HOURS = (3, 2, 1, 1, 1, 2, 4, 7, 10, 12, 12, 12, 13, 12, 12, 12, 12, 13, 14, 15, 15, 13, 9, 5)

_RANDOM_BITS = ~(0xF << 76 | 0b11 << 62)
_VERSION_7 = 7 << 76 | 0b10 << 62


class Hours(NamedTuple):
    """The hours of a day, within a period that ends with it or later."""

    start_ms: int
    period_end_ms: int

    def random_times(self, random: Random, count: int) -> list[int]:
        """Return random times of the day in Unix milliseconds, more of them in busy hours."""
        hours = random.choices(range(24), HOURS, k=count)
        chance = random.random
        return [self.start_ms + hour * HOUR_MS + int(chance() * HOUR_MS) for hour in hours]


@dataclass(frozen=True, slots=True)
class StreamDay:
    """The number of rows to generate for a day, and the source of everything random in them."""

    date: date
    start_ms: int
    period_end_ms: int
    rows: int
    random: Random
    dataset: Dataset

    @property
    def hours(self) -> Hours:
        return Hours(self.start_ms, self.period_end_ms)

    def random_times(self, count: int) -> list[int]:
        """Return random times of the day in Unix milliseconds, more of them in busy hours."""
        return self.hours.random_times(self.random, count)

    @property
    def last_ms(self) -> int:
        return self.start_ms + DAY_MS - 1

    def new_id(self, ms: int) -> UUID:
        """Return a UUIDv7 of a time, like those of config/db/uuid7.py but from the seed."""
        return seeded_id(self.random, ms)


Rows = Mapping[Table, Mapping[UUID, Row]]
Generate = Callable[[StreamDay], Rows]


def seeded_id(random: Random, ms: int) -> UUID:
    """Return a UUIDv7 whose random bits come from a seeded source."""
    return UUID(int=ms << 80 | random.getrandbits(80) & _RANDOM_BITS | _VERSION_7)
