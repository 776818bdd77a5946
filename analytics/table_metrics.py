"""How large the tables of events are, how far back they reach and how far ahead, for /metrics.

Every worker would read the same, so the figures are kept for a while. Those of a database that is
away are missing until it answers.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator

from django.db import Error, connections
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from analytics.models.streams import Stream, streams
from analytics.partitions import covered_until
from config import ids, metrics, patience
from config.routers import home

logger = logging.getLogger(__name__)
KEPT_SECONDS = 15
READ_SECONDS = 2  # for all tables of one database

FAMILIES = {
    "millrace_table_rows": "Rows of a stream of events, as PostgreSQL estimates them.",
    "millrace_table_bytes": "Size of a stream of events on disk, with all indexes.",
    "millrace_oldest_event_timestamp_seconds": "Time of the oldest event.",
    "millrace_partitions_until_timestamp_seconds": "Where the last monthly partition ends.",
}
# PostgreSQL knows either number only after its first ANALYZE, or until its next crash.
SIZES = """
    SELECT sum(greatest(part.reltuples, pg_stat_get_live_tuples(part.oid), 0))::float8,
           sum(pg_total_relation_size(part.oid))::float8
      FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
     WHERE inhparent = %s::regclass
"""


class TableFigures(Collector):
    """Reads the figures, at most once in KEPT_SECONDS."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._families: list[GaugeMetricFamily] = []
        self._read_at = float("-inf")

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return one family of samples for each figure."""
        with self._reading:
            if time.monotonic() - self._read_at >= KEPT_SECONDS:
                self._families = _families()
                self._read_at = time.monotonic()
            return self._families

    def forget(self) -> None:
        """Read again at the next request: for tests."""
        self._read_at = float("-inf")


FIGURES = TableFigures()
metrics.OF_DATABASES.register(FIGURES)


def _families() -> list[GaugeMetricFamily]:
    families = {
        name: GaugeMetricFamily(name, text, labels=["table"]) for name, text in FAMILIES.items()
    }
    for alias in connections:
        try:
            with patience.at_most(READ_SECONDS):
                samples = [
                    (name, model._meta.db_table, value)
                    for model in streams()
                    if home(model) == alias
                    for name, value in _figures_of(model)
                ]
        except Error as error:
            logger.warning("Tables of '%s' cannot be measured: %s", alias, error)
            continue
        for name, table, value in samples:
            families[name].add_metric([table], value)
    return list(families.values())


def _figures_of(model: type[Stream]) -> Iterator[tuple[str, float]]:
    with connections[home(model)].cursor() as cursor:
        cursor.execute(SIZES, [model._meta.db_table])
        rows, size = cursor.fetchone()
    yield "millrace_table_rows", rows
    yield "millrace_table_bytes", size
    oldest = model._default_manager.order_by("id").values_list("id", flat=True).first()
    if oldest:
        yield "millrace_oldest_event_timestamp_seconds", ids.time_of(oldest).timestamp()
    if until := covered_until(model):
        yield "millrace_partitions_until_timestamp_seconds", until.timestamp()
