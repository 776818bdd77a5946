"""Size and growth of the tables of events, without reading their rows.

PostgreSQL knows the bytes of each monthly partition and estimates its rows. As a partition holds
the events of one month, growth can be seen without a record of earlier sizes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from analytics.streams import partitions
from analytics.streams.base import Stream, streams
from analytics.streams.partitions import Month, Partition
from config.db import cluster, uuid7
from config.db.routers import home

MIN_AGE = timedelta(days=7)  # of a stream whose growth can be estimated


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a stream; `oldest` is the time of its first event."""

    model: type[Stream]
    partitions: list[Partition]
    oldest: datetime | None

    @property
    def months(self) -> list[Partition]:
        return [each for each in self.partitions if not each.is_default]

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.partitions)

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.partitions)

    def days_until_double(self, now: datetime) -> float | None:
        """Return in how many days it doubles at the growth since the start of last month.

        None if it does not grow, or is younger than MIN_AGE.
        """
        first = Month.of(now).plus(-1)
        start = max(first.start, self.oldest or now)
        new = sum(each.rows for each in self.months if each.month >= first)
        if now - start < MIN_AGE or not new:
            return None
        return self.rows / new * ((now - start) / timedelta(days=1))


def of_streams(alias: str) -> list[Size]:
    """Return the sizes of the streams in a database."""
    models = [model for model in streams() if home(model) == alias]
    shards = cluster.shard_sizes(alias)
    return [
        Size(model, partitions.list_partitions(model, shards), _oldest(model)) for model in models
    ]


def _oldest(model: type[Stream]) -> datetime | None:
    id = model._default_manager.order_by("id").values_list("id", flat=True).first()
    return uuid7.time_of(id) if id else None
