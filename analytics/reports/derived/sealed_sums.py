"""Sums of sealed days without conditions, from their breakdowns"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from uuid import UUID

import numpy as np
from pyroaring import BitMap

from analytics.reports.derived import breakdowns
from analytics.reports.derived.breakdowns import VISITORS, Values, read_sets
from analytics.reports.derived.day_columns import Array
from analytics.reports.derived.loaded_columns import Texts
from analytics.reports.queries.sums import COUNTS, NOTHING, Sums, ValueCounts


@dataclass
class SealedValues:
    """The values of a dimension on some days."""

    website_id: UUID
    days: Sequence[date]
    needed: Collection[str]
    dimension: str
    _texts: Texts = field(default_factory=Texts)

    def counts(self) -> Iterable[ValueCounts]:
        """Yield the sums of each value without its visitors."""
        bounds = self._sum(VISITORS).tolist()
        columns = [self._sum(name).tolist() for name in COUNTS]
        for value, bound, *counts in zip(self._texts.index, bounds, *columns, strict=True):
            yield ValueCounts(value, bound, Sums.of(counts, NOTHING.visitors))

    def visitors(self, values: Collection[str | None]) -> dict[str | None, BitMap]:
        """Return the visitors of some values."""
        by_day, index = self._by_day, self._texts.index
        wanted = {index[value]: value for value in values if value in index}
        by_place = {
            (day, position): wanted[int(numbers[position])]
            for day, (_, numbers) in by_day.items()
            for position in np.flatnonzero(np.isin(numbers, list(wanted))).tolist()
        }
        sets: dict[str | None, list[BitMap]] = {}
        for place, visitors in read_sets(self.website_id, self.dimension, by_place):
            sets.setdefault(by_place[place], []).append(visitors)
        return {value: BitMap.union(*each) for value, each in sets.items()}

    @property
    def is_truncated(self) -> bool:
        return any(values.is_truncated for values, _ in self._by_day.values())

    @cached_property
    def _by_day(self) -> dict[date, tuple[Values, Array]]:
        """The values of each day, and the numbers of their texts."""
        found = breakdowns.read(self.website_id, self.dimension, self.days)
        return {
            day: (values, self._texts.numbers_of(values.texts)) for day, values in found.items()
        }

    def _sum(self, name: str) -> Array:
        """Return the sum of a count over all days, for each text; 0 unless it is needed."""
        by_day = self._by_day.values()
        found = np.zeros(len(self._texts.index), np.int64)
        for values, numbers in by_day if name in self.needed or name == VISITORS else ():
            found[numbers] += values.array(name)
        return found


@dataclass(frozen=True, slots=True)
class SealedSums:
    """The sums of some days of a website; needed: the counts that are."""

    website_id: UUID
    days: Sequence[date]
    needed: Collection[str]

    def by_day(self) -> dict[date, Sums]:
        """Return the totals of each day."""
        found = breakdowns.read_totals([(self.website_id, day) for day in self.days])
        return {day: sums for (_, day), sums in found.items()}

    def by_value(self, dimension: str) -> SealedValues:
        """Return the sums of each value of a dimension."""
        return SealedValues(self.website_id, self.days, self.needed, dimension)
