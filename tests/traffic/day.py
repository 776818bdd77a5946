"""One day of one stream, as its generator receives it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random
from uuid import UUID

from analytics.synthetic.hours import DAY_MS, Hours, Rows, seeded_id
from tests.traffic.dataset import Dataset


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
        """Return a UUIDv7 of a time, from the seed."""
        return seeded_id(self.random, ms)


Generate = Callable[[StreamDay], Rows]
