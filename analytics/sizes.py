"""How large the tables of events are, and how fast they grow, without reading their rows.

PostgreSQL knows the bytes of each monthly partition and estimates its rows. A partition holds the
events of its month, so that their growth needs no record of earlier sizes.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections

from analytics.models.streams import Stream, streams
from analytics.partitions import Month
from config import ids
from config.routers import home

ENOUGH = timedelta(days=7)  # of events, to tell a pace

# PostgreSQL knows the number of rows after its first ANALYZE, and counts changes until then.
_PARTITIONS = """
    SELECT inhparent::regclass::text, part.relname,
           greatest(part.reltuples, pg_stat_get_live_tuples(part.oid), 0)::bigint,
           pg_total_relation_size(part.oid)
      FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
     WHERE inhparent = ANY(%s::regclass[])
     ORDER BY part.relname
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A partition; the default one has no month. Its rows are an estimate, bytes with indexes."""

    month: Month | None
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Size:
    """A stream as it is now; `oldest` is the time of its first event."""

    model: type[Stream]
    parts: list[Part]
    oldest: datetime | None

    @property
    def rows(self) -> int:
        """The estimate of all rows."""
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        """The room on disk, with all indexes."""
        return sum(part.bytes for part in self.parts)

    def days_until_double(self, now: datetime) -> float | None:
        """Return in how many days it doubles if it grows as since the beginning of last month.

        None if it does not grow, or has not existed for long enough to tell.
        """
        first = Month.of(now).plus(-1)
        start = max(first.start, self.oldest or now)
        new = sum(part.rows for part in self.parts if part.month and part.month >= first)
        if now - start < ENOUGH or not new:
            return None
        return self.rows / new * ((now - start) / timedelta(days=1))


def of_streams(alias: str) -> list[Size]:
    """Return the sizes of the streams in a database."""
    models = {model._meta.db_table: model for model in streams() if home(model) == alias}
    parts: dict[str, list[Part]] = {table: [] for table in models}
    with connections[alias].cursor() as cursor:
        cursor.execute(_PARTITIONS, [list(models)])
        for table, name, rows, size in cursor.fetchall():
            parts[table].append(Part(_month_of(name), rows, size))
    return [Size(model, parts[table], _oldest(model)) for table, model in models.items()]


def _month_of(name: str) -> Month | None:
    """Return the month of the partition of a name, which partitions.partition_name() gave."""
    found = re.search(r"_y(\d{4,})m(\d\d)$", name)
    return Month(int(found[1]), int(found[2])) if found else None


def _oldest(model: type[Stream]) -> datetime | None:
    id = model._default_manager.order_by("id").values_list("id", flat=True).first()
    return ids.time_of(id) if id else None
