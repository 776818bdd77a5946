"""Sums of a range of time: sealed days where they serve, and sessions for the rest."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Self

from analytics.reports import sealing
from analytics.reports.buckets import DAY, start_of
from analytics.reports.conditions import COLUMNS
from analytics.reports.question import Question, Range
from analytics.reports.session_query import TOTAL, Selection, sums_by
from analytics.reports.sums import NOTHING, Sums, total

CHUNK = 50  # values whose visitors are read at once
Value = str | None


@dataclass(frozen=True)
class Reading:
    """A range of a question: the sealed days in it, and the gaps between them."""

    question: Question
    range: Range
    sealed: Sequence[date]
    gaps: Sequence[Range]
    _gap_totals: dict[Range, Sums] = field(default_factory=dict)  # of what was read

    @classmethod
    def of(cls, question: Question, range: Range) -> Self:
        sealed = sorted(_sealed_days(question, range))
        return cls(question, range, sealed, list(_gaps(question, range, sealed)))

    def total(self) -> Sums:
        """Return the totals of the range; what was read by buckets or values tells them too."""
        for gap in self.gaps:
            if gap not in self._gap_totals:
                self._sums(gap)
        return total([*self._gap_totals.values(), *self._sealed_totals.values()])

    def by_bucket(self, edges: Sequence[datetime]) -> list[Sums]:
        """Return the totals of each bucket of the range."""
        parts: list[list[Sums]] = [[] for _ in edges[1:]]
        for day, sums in self._sealed_totals.items():
            parts[bisect_right(edges, start_of(day, self.question.timezone)) - 1].append(sums)
        for gap in self.gaps:
            inner = [edge for edge in edges if gap.start < edge < gap.end]
            first = bisect_right(edges, gap.start) - 1
            for (bucket, _), sums in self._sums(gap, inner).items():
                parts[first + bucket].append(sums)
        return [total(each) for each in parts]

    def by_value(self, dimension: str) -> "ByValue":
        """Return the sums of each value of a dimension."""
        found = ByValue(self, dimension)
        for value, is_other, bound, sums in self._sealed_counts(dimension):
            if is_other:
                found.is_truncated = True
            else:
                found.add(value, sums, bound)
        # Properties of events are not sealed.
        for gap in self.gaps if dimension in sealing.DIMENSIONS else [self.range]:
            for (_, value), sums in self._sums(gap, dimension=dimension).items():
                found.add(value, sums, len(sums.visitors))
        return found

    @cached_property
    def _sealed_totals(self) -> dict[date, Sums]:
        if not self.sealed:
            return {}
        return sealing.totals(self.question.website.pk, self.sealed)

    def _sealed_counts(self, dimension: str) -> list[sealing.ValueCounts]:
        if not self.sealed:
            return []
        return sealing.counts_by_value(self.question.website.pk, dimension, self.sealed)

    def _sums(
        self, gap: Range, inner: Sequence[datetime] = (), dimension: str = TOTAL
    ) -> dict[tuple[int, Value], Sums]:
        selection = Selection(
            self.question.website.pk,
            (gap.start, *inner, gap.end),
            self.question.conditions,
            bots=self.question.bots_only,
        )
        found = sums_by(selection, dimension)
        if dimension == TOTAL or dimension in COLUMNS:  # each session has one value
            self._gap_totals[gap] = total(found.values())
        return found


@dataclass
class ByValue:
    """The sums of values, whose visitors on sealed days are read only where they are needed."""

    reading: Reading
    dimension: str
    is_truncated: bool = False
    _sums: dict[Value, Sums] = field(default_factory=dict)  # without the visitors of sealed days
    _bounds: dict[Value, int] = field(default_factory=dict)  # no value has more visitors
    _exact: dict[Value, Sums] = field(default_factory=dict)

    def add(self, value: Value, sums: Sums, bound: int) -> None:
        self._sums[value] = self._sums.get(value, NOTHING) + sums
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
        if self.reading.sealed and known:
            sets = sealing.visitors_by_value(
                self.reading.question.website.pk, self.dimension, self.reading.sealed, known
            )
            for value, visitors in sets.items():
                self._exact[value] += Sums(visitors=visitors)
        return {value: self._exact[value] for value in values}

    def with_most_visitors(self, values: Iterable[Value], count: int) -> list[Value]:
        """Return the first of some values by their number of visitors, then by the value.

        The sum of the visitors of single days is never too low. So values are looked at in the
        order of these sums, until none of the rest can be among the first.
        """
        rest = sorted(values, key=lambda value: (-self._bounds[value], value or ""))
        found: list[Value] = []
        for start in range(0, len(rest), CHUNK):
            if len(found) >= count:
                least = len(self._exact[found[count - 1]].visitors)
                if self._bounds[rest[start]] < least:
                    break
            chunk = rest[start : start + CHUNK]
            self.exact(chunk)
            found = sorted(
                [*found, *chunk],
                key=lambda value: (-len(self._exact[value].visitors), value or ""),
            )
        return found[:count]


def _sealed_days(question: Question, range: Range) -> set[date]:
    """Return the sealed days that serve: those of the website's own zone, with nothing left out."""
    if question.conditions or question.bots_only:
        return set()
    if question.interval in ("minute", "hour"):
        return set()
    return sealing.sealed_days(question.website.pk, question.timezone, range)


def _gaps(question: Question, range: Range, sealed: Sequence[date]) -> Iterator[Range]:
    """Yield what lies between the sealed days of a range, which are in order."""
    start = range.start
    for day in sealed:
        if start < (begin := start_of(day, question.timezone)):
            yield Range(start, begin)
        start = start_of(day + DAY, question.timezone)
    if start < range.end:
        yield Range(start, range.end)
