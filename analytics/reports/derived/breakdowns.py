"""Breakdowns as they are stored: the values of a dimension on a sealed day, with their counts"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, Self
from uuid import UUID

import msgspec
from django.db import connections
from pyroaring import BitMap

from analytics.reports.derived.day_columns import Array, Column
from analytics.reports.derived.sealed_models import Breakdown, VisitorSet
from analytics.reports.queries.sums import COUNTS, Sums
from config.db import binary_results
from config.db.routers import home

MAX_VALUES = 10_000  # of a dimension and day
VISITORS = "visitors"

Ordered = Sequence[tuple[str | None, Sums]]
Place = tuple[date, int]  # the position of a value on a day


class Values(msgspec.Struct, array_like=True, frozen=True):
    """The values of a day, in the order of their positions.

    counts: arrays of COUNTS, and of numbers of visitors. is_truncated: there were more values.
    """

    texts: list[str | None]
    counts: dict[str, Column]
    is_truncated: bool

    @classmethod
    def of(cls, ordered: Ordered, *, is_truncated: bool) -> Self:
        counts = {name: [getattr(sums, name) for _, sums in ordered] for name in COUNTS}
        counts[VISITORS] = [len(sums.visitors) for _, sums in ordered]
        columns = {name: Column.of_numbers(numbers) for name, numbers in counts.items()}
        return cls([text for text, _ in ordered], columns, is_truncated)

    def array(self, name: str) -> Array:
        """Return a count of each text."""
        return self.counts[name].array()

    def first(self) -> Iterator[int]:
        """Yield the counts of the first text, in the order of COUNTS."""
        for name in COUNTS:
            yield self.array(name)[0]


class Encoded(NamedTuple):
    """The values of a dimension and day as they are stored, those with most visitors first.

    visitors: of each value, by its position.
    """

    values: bytes
    visitors: list[bytes]

    @classmethod
    def of(cls, by_value: Mapping[str | None, Sums]) -> Self:
        ordered = sorted(by_value.items(), key=lambda item: (-len(item[1].visitors), item[0] or ""))
        kept = ordered[:MAX_VALUES]
        values = Values.of(kept, is_truncated=len(kept) < len(ordered))
        return cls(msgspec.msgpack.encode(values), [each.visitors.serialize() for _, each in kept])


def store(website_id: UUID, day: date, by_dimension: Mapping[str, Encoded]) -> None:
    """Store all dimensions of a day, by two statements: each costs a cluster milliseconds."""
    Breakdown.objects.bulk_create(
        Breakdown(website_id=website_id, day=day, dimension=dimension, data=encoded.values)
        for dimension, encoded in by_dimension.items()
    )
    with connections[home(VisitorSet)].cursor() as cursor, cursor.copy(_COPY_SETS) as copy:
        for dimension, encoded in by_dimension.items():
            for position, visitors in enumerate(encoded.visitors):
                copy.write_row((website_id, dimension, day, position, visitors))


def read(website_id: UUID, dimension: str, days: Sequence[date]) -> Mapping[date, Values]:
    """Return the values of each day that is sealed."""
    parameters = [website_id, dimension, list(days)]
    with binary_results.execute(home(Breakdown), _READ, parameters) as cursor:
        return {day: msgspec.msgpack.decode(data, type=Values) for day, data in cursor}


def read_sets(
    website_id: UUID, dimension: str, places: Collection[Place]
) -> Iterator[tuple[Place, BitMap]]:
    """Yield the visitors of the values at some places."""
    parameters = {
        "website": website_id,
        "dimension": dimension,
        "days": [day for day, _ in places],
        "positions": [position for _, position in places],
    }
    with binary_results.execute(home(VisitorSet), _SETS, parameters) as cursor:
        for day, position, numbers in cursor:
            yield (day, position), BitMap.deserialize(numbers)


def read_totals(days: Collection[tuple[UUID, date]]) -> dict[tuple[UUID, date], Sums]:
    """Return the totals of sealed days of several websites, of those with sessions."""
    wanted = set(days)
    parameters = [list({id for id, _ in wanted}), list({day for _, day in wanted})]
    with binary_results.execute(home(Breakdown), _TOTALS, parameters) as cursor:
        return {
            (id, day): Sums.of(
                msgspec.msgpack.decode(data, type=Values).first(), BitMap.deserialize(numbers)
            )
            for id, day, data, numbers in cursor
            if (id, day) in wanted
        }


_READ = """
SELECT day, data FROM analytics_breakdown
 WHERE website_id = %s AND dimension = %s AND day = ANY(%s::date[])
 ORDER BY day
"""
_TOTALS = """
SELECT website_id, day, data, numbers
  FROM analytics_breakdown JOIN analytics_visitorset USING (website_id, dimension, day)
 WHERE website_id = ANY(%s::uuid[]) AND dimension = 'total' AND day = ANY(%s::date[])
   AND position = 0
"""
_SETS = """
SELECT visitors.day, visitors.position, visitors.numbers
  FROM unnest(%(days)s::date[], %(positions)s::smallint[]) AS wanted(day, position)
  JOIN analytics_visitorset AS visitors
    ON visitors.website_id = %(website)s AND visitors.dimension = %(dimension)s
   AND visitors.day = wanted.day AND visitors.position = wanted.position
"""
_COPY_SETS = """
COPY analytics_visitorset (website_id, dimension, day, position, numbers) FROM STDIN
"""
