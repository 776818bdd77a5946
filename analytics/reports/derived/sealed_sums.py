"""Sums of sealed days without conditions, from their breakdowns"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from pyroaring import BitMap

from analytics.ingest.bulk_copy import Row
from analytics.reports.derived.sealed_models import Breakdown
from analytics.reports.queries.session_query import TOTAL
from analytics.reports.queries.sums import COUNTS, Sums, ValueCounts
from config.db import binary_results
from config.db.routers import home


@dataclass(frozen=True, slots=True)
class SealedValues:
    """The values of a dimension on some days."""

    website_id: UUID
    days: Sequence[date]
    needed: Collection[str]
    dimension: str

    def counts(self) -> Iterable[ValueCounts]:
        """Yield the sums of each value without its visitors."""
        sums = ", ".join(f"sum({name})::bigint" if name in self.needed else "0" for name in COUNTS)
        rows = _read(_VALUES.format(sums=sums), self.website_id, self.days, self.dimension)
        for value, is_other, bound, *counts in rows:
            yield ValueCounts(value, is_other, bound, Sums.of(counts, BitMap()))

    def visitors(self, values: Collection[str | None]) -> dict[str | None, BitMap]:
        """Return the visitors of some values."""
        texts = [value for value in values if value is not None]
        rows = _read(
            _VISITORS,
            self.website_id,
            self.days,
            self.dimension,
            texts=texts,
            with_null=None in values,
        )
        sets: dict[str | None, list[BitMap]] = {}
        for value, visitors in rows:
            sets.setdefault(value, []).append(BitMap.deserialize(visitors))
        return {value: BitMap.union(*each) for value, each in sets.items()}


@dataclass(frozen=True, slots=True)
class SealedSums:
    """The sums of some days of a website; needed: the counts that are."""

    website_id: UUID
    days: Sequence[date]
    needed: Collection[str]

    def by_day(self) -> dict[date, Sums]:
        """Return the totals of each day."""
        return {
            day: Sums.of(counts, BitMap.deserialize(visitors))
            for day, *counts, visitors in _read(_DAYS, self.website_id, self.days, TOTAL)
        }

    def by_value(self, dimension: str) -> SealedValues:
        """Return the sums of each value of a dimension."""
        return SealedValues(self.website_id, self.days, self.needed, dimension)


def _read(
    statement: str, website_id: UUID, days: Sequence[date], dimension: str, **more: Any
) -> list[Row]:
    if not days:
        return []
    asked: dict[str, Any] = {"website": website_id, "dimension": dimension, "days": list(days)}
    with binary_results.execute(home(Breakdown), statement, asked | more) as cursor:
        return cursor.fetchall()


_SETS = " JOIN analytics_visitorset USING (website_id, dimension, day, position) "
_FROM = """
  FROM analytics_breakdown {sets}
 WHERE website_id = %(website)s AND dimension = %(dimension)s AND day = ANY(%(days)s::date[])
"""
_DAYS = f"SELECT day, {', '.join(COUNTS)}, numbers {_FROM.format(sets=_SETS)}"
_VALUES = f"""
SELECT value, is_other, sum(visitors)::bigint, {{sums}}
{_FROM.format(sets="")} GROUP BY value, is_other
"""
_VISITORS = f"""
SELECT value, numbers {_FROM.format(sets=_SETS)}
   AND NOT is_other AND (value = ANY(%(texts)s::text[]) OR (value IS NULL AND %(with_null)s))
"""
