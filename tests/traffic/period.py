"""The days of a run, and how rows are shared out among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise
from random import Random

from analytics.streams.partitions import Month
from analytics.synthetic.hours import start_ms_of, start_of, weight_of

GROWTH = 0.6  # of the traffic, from the first day to the last


@dataclass(frozen=True, slots=True)
class Period:
    """The days [first, until) of a run."""

    first: date
    until: date
    seed: int

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.until - self.first).days)]

    @property
    def months(self) -> Iterator[Month]:
        return Month.of(start_of(self.first)).until(
            Month.of(start_of(self.until - timedelta(days=1)))
        )

    @property
    def start_ms(self) -> int:
        return start_ms_of(self.first)

    @property
    def end_ms(self) -> int:
        return start_ms_of(self.until)

    def rows_by_day(self, rows: int) -> list[int]:
        """Return the rows of each day: weeks have a rhythm, and the traffic grows."""
        growth = GROWTH / len(self.days)
        random = Random(self.seed)
        weights = [(1 + growth * n) * weight_of(day, random) for n, day in enumerate(self.days)]
        return split(rows, weights)


def split(rows: int, weights: Sequence[float]) -> list[int]:
    """Return integers in the ratio of the weights that add up to the number of rows."""
    ends = [round(rows * part / sum(weights)) for part in accumulate(weights, initial=0.0)]
    return [end - start for start, end in pairwise(ends)]
