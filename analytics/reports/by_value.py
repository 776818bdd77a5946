"""Sums of the values of a dimension, whose visitors on sealed days are read only if needed"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from pyroaring import BitMap

from analytics.reports.queries.sums import NOTHING, Sums

CHUNK = 20  # values whose visitors are read at once
Value = str | None


@dataclass
class ByValue:
    """The sums of values, whose visitors on sealed days are read only where they are needed."""

    sealed_visitors: Callable[[Collection[Value]], dict[Value, BitMap]] | None
    is_truncated: bool
    _sums: dict[Value, Sums] = field(default_factory=dict)  # without the visitors of sealed days
    _bounds: dict[Value, int] = field(default_factory=dict)  # no value has more visitors
    _exact: dict[Value, Sums] = field(default_factory=dict)

    def add(self, value: Value, sums: Sums, bound: int) -> None:
        known = self._sums.get(value)
        self._sums[value] = known + sums if known else sums
        self._bounds[value] = self._bounds.get(value, 0) + bound

    def values(self) -> Iterable[Value]:
        return self._sums

    def counts(self, value: Value) -> Sums:
        """Return the sums of a value, without all of its visitors."""
        return self._sums.get(value, NOTHING)

    def exact(self, values: Sequence[Value]) -> dict[Value, Sums]:
        """Return the sums of some values."""
        missing = [value for value in values if value not in self._exact]
        self._exact |= {value: self.counts(value) for value in missing}
        known = [value for value in missing if value in self._sums]
        if self.sealed_visitors and known:
            for value, visitors in self.sealed_visitors(known).items():
                self._exact[value] += Sums(visitors=visitors)
        return {value: self._exact[value] for value in values}

    def with_most_visitors(self, values: Iterable[Value], count: int) -> list[Value]:
        """Return the first of some values by their number of visitors, then by the value.

        The sum of the visitors of single days is never too low. So values are looked at in the
        order of these sums, until none of the rest can be among the first.
        """
        rest = sorted(values, key=lambda value: (-self._bounds[value], value or ""))
        found: list[Value] = []
        while rest:
            if len(found) >= count:
                least = len(self._exact[found[count - 1]].visitors)
                if self._bounds[rest[0]] < least:
                    break
            size = max(CHUNK, count + CHUNK // 2 - len(found))
            chunk, rest = rest[:size], rest[size:]
            self.exact(chunk)
            found = sorted(
                [*found, *chunk],
                key=lambda value: (-len(self._exact[value].visitors), value or ""),
            )
        return found[:count]
