"""Sums of values that are numbers, and the visitors of each"""

from collections.abc import Collection, Iterator, Sequence
from itertools import repeat

import numpy as np
from pyroaring import BitMap

from analytics.reports.derived.day_columns import Array
from analytics.reports.queries.sums import COUNTS, NOTHING, Sums, ValueCounts


class ValueSums:
    """Sums of values, each of which has a number; needed: the counts that are."""

    is_truncated = False

    def __init__(self, values: Sequence[str | None], needed: Collection[str]) -> None:
        self.values = values
        self.needed = needed
        self._counts = {name: np.zeros(len(values), np.int64) for name in COUNTS if name in needed}
        self._is_found = np.zeros(len(values), bool)
        self._added: list[tuple[Array, Array]] = []  # values, and a visitor of each
        self._visitors = np.empty(0, np.uint32)  # those of one value after those of another
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
        self.find(values)
        self._added.append((values, visitors))

    def group_visitors(self) -> None:
        """Bring the visitors into the order of their values, when all were added."""
        if not self._added:
            return
        values, visitors = map(np.concatenate, zip(*self._added, strict=True))
        # numpy sorts numbers of two bytes by their digits, so much more quickly.
        kind = np.min_scalar_type(len(self.values))
        order = np.argsort(values.astype(kind), kind="stable")
        self._visitors = visitors[order].astype(np.uint32)
        self._starts[1:] = np.cumsum(np.bincount(values, minlength=len(self.values)))

    def sums(self, number: int) -> Sums:
        """Return the sums of a value."""
        counts = [self._counts[name][number] if name in self._counts else 0 for name in COUNTS]
        return Sums.of(counts, self._visitors_of(number))

    def counts(self) -> Iterator[ValueCounts]:
        """Yield the sums of each value that was found, without its visitors."""
        found = np.flatnonzero(self._is_found)
        counts = [
            self._counts[name][found].tolist() if name in self._counts else repeat(0)
            for name in COUNTS
        ]
        bounds = np.diff(self._starts)[found].tolist()
        for number, bound, *numbers in zip(found.tolist(), bounds, *counts, strict=False):
            sums = Sums.of(numbers, NOTHING.visitors)
            yield ValueCounts(self.values[number], bound, sums)

    def items(self) -> Iterator[tuple[str | None, Sums]]:
        """Yield the sums of each value that was found."""
        for number in np.flatnonzero(self._is_found).tolist():
            yield self.values[number], self.sums(number)

    def visitors(self, values: Collection[str | None]) -> dict[str | None, BitMap]:
        """Return the visitors of some values."""
        wanted = set(values)
        numbers = {value: number for number, value in enumerate(self.values) if value in wanted}
        return {value: self._visitors_of(number) for value, number in numbers.items()}

    def _visitors_of(self, number: int) -> BitMap:
        return BitMap(self._visitors[self._starts[number] : self._starts[number + 1]])
