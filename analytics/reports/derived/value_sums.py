"""Sums of values that are numbers, and the visitors of each"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from pyroaring import BitMap

from analytics.reports.derived.day_columns import Array
from analytics.reports.queries.sums import COUNTS, Sums, ValueCounts

VISITOR_BITS = 32


class ValueSums:
    """Sums of values, each of which has a number; needed: the counts that are."""

    def __init__(self, values: Sequence[str | None], needed: Collection[str]) -> None:
        self.values = values
        self.needed = needed
        self._counts = {name: np.zeros(len(values), np.int64) for name in COUNTS if name in needed}
        self._is_found = np.zeros(len(values), bool)
        self._pairs: list[Array] = []  # of a value and a visitor, in one number
        self._visitors = np.empty(0, np.int64)  # the same, sorted
        self._starts = np.zeros(len(values) + 1, np.int64)  # of each value among them

    def find(self, values: Array) -> None:
        """Note values, whether there is anything to count or not."""
        self._is_found[values] = True

    def add(self, name: str, values: Array, weights: Array | None = None) -> None:
        """Add to a count of some values: one each, or weights."""
        if name in self._counts:
            added = np.bincount(values, weights, len(self.values))
            self._counts[name] += added.astype(np.int64)

    def add_visitors(self, values: Array, visitors: Array) -> None:
        """Add a visitor each to some values."""
        self._pairs.append(values.astype(np.int64) << VISITOR_BITS | visitors)

    def count_visitors(self) -> None:
        """Count visitors once each, when all were added."""
        pairs = np.sort(np.concatenate([self._visitors, *self._pairs]))
        self._visitors = pairs[np.diff(pairs, prepend=-1) != 0]
        numbers = np.arange(len(self._starts), dtype=np.int64)
        self._starts = np.searchsorted(self._visitors, numbers << VISITOR_BITS)

    def sums(self, number: int) -> Sums:
        """Return the sums of a value."""
        return Sums.of(self._counts_of(number), self._visitors_of(number))

    def counts(self) -> Iterator[ValueCounts]:
        """Yield the sums of each value that was found, without its visitors."""
        bounds = np.diff(self._starts)
        for number in np.flatnonzero(self._is_found).tolist():
            sums = Sums.of(self._counts_of(number), BitMap())
            yield ValueCounts(self.values[number], False, int(bounds[number]), sums)

    def visitors(self, values: Collection[str | None]) -> dict[str | None, BitMap]:
        """Return the visitors of some values."""
        numbers = {value: number for number, value in enumerate(self.values) if value in values}
        return {value: self._visitors_of(number) for value, number in numbers.items()}

    def _counts_of(self, number: int) -> list[int]:
        return [int(self._counts[name][number]) if name in self._counts else 0 for name in COUNTS]

    def _visitors_of(self, number: int) -> BitMap:
        pairs = self._visitors[self._starts[number] : self._starts[number + 1]]
        return BitMap((pairs & (1 << VISITOR_BITS) - 1).astype(np.uint32))
