"""Sums of a range of time: sealed days where they serve, and sessions for the rest."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics.reports.by_value import ByValue
from analytics.reports.derived import rollup, sealing
from analytics.reports.derived.column_sums import ColumnSums, selectable_days
from analytics.reports.derived.sealed_sums import SealedSums
from analytics.reports.derived.sealing import HOUR, Sealed
from analytics.reports.gaps import gaps_of, without_empty
from analytics.reports.models import WebsiteSession
from analytics.reports.queries.session_query import (
    TOTAL,
    Key,
    Selection,
    is_session_dimension,
    sums_by,
    sums_by_each,
)
from analytics.reports.queries.sums import NOTHING, Sums, needed, total
from analytics.reports.questions.buckets import DAY, range_of, start_of
from analytics.reports.questions.question import GOAL, Question, Range


class Parts(NamedTuple):
    """The sealed days and hours of a range that serve, and the gaps that have sessions."""

    days: Sequence[date]
    hours: Sequence[datetime]
    gaps: Sequence[Range]


@dataclass
class Reading:
    """A range of a question; sealed: within it, if that is known."""

    question: Question
    range: Range
    sealed: Sealed | None = None
    _totals: dict[Range, Sums] = field(default_factory=dict)  # of sessions that were read
    _read: dict[tuple[Range, str], dict[Key, Sums]] = field(default_factory=dict)
    _gaps: dict[bool, Sequence[Range]] = field(default_factory=dict)  # by whether it is sealed

    def read(self, dimensions: Iterable[str]) -> None:
        """Read the sessions that several dimensions need, once for all of these."""
        by_gap: dict[Range, list[str]] = {}
        for dimension in dimensions:
            for gap in self._parts(dimension).gaps:
                by_gap.setdefault(gap, []).append(dimension)
        for gap, together in by_gap.items():
            for dimension, sums in sums_by_each(self._selection(gap), together).items():
                self._read[gap, dimension] = sums
                if is_session_dimension(dimension):
                    self._totals[gap] = total(sums.values())

    @property
    def gaps(self) -> Sequence[Range]:
        """The gaps of its totals, whose sums may be provided."""
        return self._whole.gaps

    def provide(self, gap: Range, sums: dict[Key, Sums]) -> None:
        """Take the totals of a gap, in buckets if these will be asked for."""
        self._read[gap, TOTAL] = sums

    def provide_days(self, totals: dict[date, Sums]) -> None:
        """Take the totals of the sealed days."""
        self._sealed_totals = totals

    @cached_property
    def as_of(self) -> datetime:
        """The time up to which events are counted."""
        return rollup.as_of(self.question.website.pk, self.question.now)

    @cached_property
    def is_exact(self) -> bool:
        """Whether no session of the range has more hits than are kept."""
        sessions = WebsiteSession.objects.of_website(self.question.website.pk)
        sessions = sessions.between(end=self.range.end)
        return not sessions.filter(is_truncated=True, ended_at__gte=self.range.start).exists()

    def total(self) -> Sums:
        """Return the totals of the range; what was read by buckets or values gives them too."""
        if self.range in self._totals:
            return self._totals[self.range]
        _, hours, gaps = self._whole
        for gap in gaps:
            if gap not in self._totals:
                self._sums(gap)
        of_gaps = (self._totals[gap] for gap in gaps)
        of_hours = self._hour_columns.by_day().values() if hours else ()
        found = total([*of_gaps, *of_hours, *self._sealed_totals.values()])
        self._totals[self.range] = found
        return found

    def by_bucket(self, edges: Sequence[datetime]) -> list[Sums]:
        """Return the totals of each bucket of the range."""
        days, hours, gaps = self._parts_of_buckets(edges)
        parts: list[list[Sums]] = [[] for _ in edges[1:]]
        for start, sums in self._sealed_buckets(edges, days):
            parts[bisect_right(edges, start) - 1].append(sums)
        for n, sums in enumerate(self._hour_columns.by_bucket(edges, self._zone) if hours else ()):
            parts[n].append(sums)
        for gap in gaps:
            inner = [edge for edge in edges if gap.start < edge < gap.end]
            first = bisect_right(edges, gap.start) - 1
            for (bucket, _), sums in self._sums(gap, inner).items():
                parts[first + bucket].append(sums)
        return [total(each) for each in parts]

    def _parts_of_buckets(self, edges: Sequence[datetime]) -> Parts:
        """Return what buckets are read from; days that these divide, only if columns serve."""
        website_id, days = self.question.website.pk, self.sealed_days
        if self.question.conditions or not self._divides(edges):
            return self._whole  # under conditions these are days that columns serve
        return self._whole if selectable_days(website_id, days, ()) else Parts((), (), [self.range])

    def _sealed_buckets(
        self, edges: Sequence[datetime], days: Sequence[date]
    ) -> Iterable[tuple[datetime, Sums]]:
        """Return sums of parts of buckets, with a time of each."""
        if not days:
            return ()
        if not self._divides(edges):
            return [(start_of(day, self._zone), sums) for day, sums in self._sealed_totals.items()]
        return zip(edges, self._columns.by_bucket(edges, self._zone), strict=False)

    def _divides(self, edges: Sequence[datetime]) -> bool:
        """Return whether a sealed day lies in several buckets."""
        return any(
            bisect_right(edges, start_of(day, self._zone))
            != bisect_left(edges, start_of(day + DAY, self._zone))
            for day in self.sealed_days
        )

    def by_value(self, dimension: str) -> ByValue:
        """Return the sums of each value of a dimension."""
        parts = self._parts(dimension)
        sealed = self._sealed.by_value(dimension) if parts.days else None
        found = ByValue(sealed.visitors if sealed else None, bool(sealed and sealed.is_truncated))
        for goal in self.question.goals if dimension == GOAL else ():
            found.add(str(goal.pk), NOTHING, 0)
        for value, bound, sums in sealed.counts() if sealed else ():
            found.add(value, sums, bound)
        for value, sums in self._hour_columns.by_value(dimension).items() if parts.hours else ():
            found.add(value, sums, len(sums.visitors))
        for gap in parts.gaps:
            for (_, value), sums in self._sums(gap, dimension=dimension).items():
                found.add(value, sums, len(sums.visitors))
        return found

    def _parts(self, dimension: str) -> Parts:
        """Return what the sums of a dimension are read from."""
        is_sealed = dimension in sealing.DIMENSIONS
        days, hours = (self.sealed_days, self._sealed_hours) if is_sealed else ((), ())
        if is_sealed not in self._gaps:
            sealed = [range_of(day, self._zone) for day in days]
            sealed += [Range(start, start + HOUR) for start in hours]
            gaps = list(gaps_of(self.range, sealed))
            self._gaps[is_sealed] = without_empty(self.question.website.pk, gaps)
        return Parts(days, hours, self._gaps[is_sealed])

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.question.website.timezone)

    @cached_property
    def _whole(self) -> Parts:
        return self._parts(TOTAL)

    @cached_property
    def _known(self) -> Sealed:
        return self.sealed or sealing.sealed(self.question.website.pk, self._zone, self.range)

    @cached_property
    def sealed_days(self) -> Sequence[date]:
        """The sealed days that serve, of the website's own zone; they know no bots."""
        question = self.question
        if question.bots_only:
            return ()
        days = sorted(self._known.days)
        if question.conditions:
            return selectable_days(question.website.pk, days, question.conditions)
        return days

    @cached_property
    def _sealed_hours(self) -> Sequence[datetime]:
        """The sealed hours that serve, of other days."""
        question, days = self.question, [range_of(day, self._zone) for day in self.sealed_days]
        hours = sorted(
            hour
            for hour in self._known.hours
            if not any(day.start < hour + HOUR and hour < day.end for day in days)
        )
        if question.bots_only or not hours:
            return ()
        return selectable_days(question.website.pk, hours, question.conditions)

    @cached_property
    def _hour_columns(self) -> ColumnSums:
        website_id, conditions = self.question.website.pk, self.question.conditions
        return ColumnSums(website_id, self._sealed_hours, conditions, self._counts)

    @cached_property
    def _columns(self) -> ColumnSums:
        website_id, conditions = self.question.website.pk, self.question.conditions
        return ColumnSums(website_id, self.sealed_days, conditions, self._counts)

    @cached_property
    def _sealed(self) -> SealedSums | ColumnSums:
        """What gives the sums of sealed days."""
        if self.question.conditions:
            return self._columns
        return SealedSums(self.question.website.pk, self.sealed_days, self._counts)

    @cached_property
    def _sealed_totals(self) -> dict[date, Sums]:
        return self._sealed.by_day() if self._whole.days else {}

    @property
    def _counts(self) -> set[str]:
        return needed([*self.question.metrics, self.question.sort])

    def _sums(
        self, gap: Range, inner: Sequence[datetime] = (), dimension: str = TOTAL
    ) -> dict[Key, Sums]:
        if dimension == TOTAL and not inner and gap in self._totals:
            return {(0, None): self._totals[gap]}
        found = self._read.get((gap, dimension))
        if found is None:
            found = sums_by(self._selection(gap, inner), dimension)
        if is_session_dimension(dimension):
            self._totals[gap] = total(found.values())
        return found

    def _selection(self, gap: Range, inner: Sequence[datetime] = ()) -> Selection:
        return Selection(
            self.question.website.pk,
            (gap.start, *inner, gap.end),
            self.question.conditions,
            bots=self.question.bots_only,
            counts=self._counts,
            goals=self.question.goals,
        )
