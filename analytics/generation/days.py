"""What a generator is given, a day to fill, and how it makes itself known."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random
from uuid import UUID

from analytics.generation.world import World
from analytics.ingest.bulk_copy import Rows

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
# How busy each hour of UTC is: a quiet night, a morning, and the evening when most are about.
HOURS = (3, 2, 1, 1, 1, 2, 4, 7, 10, 12, 12, 12, 13, 12, 12, 12, 12, 13, 14, 15, 15, 13, 9, 5)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one stream: how many rows it is to have, and all that chance decides."""

    date: date
    start_ms: int
    rows: int
    random: Random
    world: World

    def times(self, count: int) -> list[int]:
        """Return so many moments of the day in Unix milliseconds, most of them in busy hours."""
        hours = self.random.choices(range(24), HOURS, k=count)
        chance = self.random.random
        return [self.start_ms + hour * HOUR_MS + int(chance() * HOUR_MS) for hour in hours]

    @property
    def last_ms(self) -> int:
        """The last millisecond of the day."""
        return self.start_ms + DAY_MS - 1

    def new_id(self, ms: int) -> UUID:
        """Return a UUIDv7 for a moment, as config/db/uuid7.py makes them but for the seed."""
        return seeded_id(self.random, ms)


def seeded_id(random: Random, ms: int) -> UUID:
    """Return a UUIDv7 whose random bits come from a seed."""
    bits = random.getrandbits(80) & _RANDOM | _VERSION_7
    return UUID(int=ms << 80 | bits)


_RANDOM = ~(0xF << 76 | 0b11 << 62)
_VERSION_7 = 7 << 76 | 0b10 << 62

Make = Callable[[Day], Rows]


@dataclass(frozen=True, slots=True)
class Generator:
    """One stream's share of the traffic: a weight among all, and the maker of a day's rows."""

    name: str
    weight: float
    make: Make


GENERATORS: list[Generator] = []


def generator(*, weight: float) -> Callable[[Make], Make]:
    """Register the function that makes a day's rows of one stream, all in one database."""

    def register(make: Make) -> Make:
        GENERATORS.append(Generator(make.__name__, weight, make))
        return make

    return register
