"""Metrics of the tables of events: size, oldest event, last partition, last retention.

Those of a database that is down are missing meanwhile.
"""

import logging
from collections.abc import Iterator

from django.db import Error, connections
from prometheus_client.core import GaugeMetricFamily

from analytics.streams import sizes
from analytics.streams.maintenance import MaintenanceRun
from analytics.streams.sizes import Size
from config.db import deadline, uuid7
from config.db.routers import ANALYTICS
from config.server import metrics

logger = logging.getLogger(__name__)
MAX_AGE_SECONDS = 15
READ_SECONDS = 2  # for all tables of one database

FAMILIES = {
    "millrace_table_rows": "Rows of a stream of events, as PostgreSQL estimates them.",
    "millrace_table_bytes": "Size of a stream of events on disk, with all indexes.",
    "millrace_oldest_event_timestamp_seconds": "Time of the oldest event.",
    "millrace_partitions_until_timestamp_seconds": "Where the last monthly partition ends.",
}
RETENTION = "When manage.py retention last came to its end."


def _families() -> list[GaugeMetricFamily]:
    families = {
        name: GaugeMetricFamily(name, text, labels=["table"]) for name, text in FAMILIES.items()
    }
    retention = GaugeMetricFamily("millrace_retention_success_timestamp_seconds", RETENTION)
    for alias in connections:
        try:
            with deadline.within(READ_SECONDS):
                samples = [sample for size in sizes.of_streams(alias) for sample in _samples(size)]
                last = MaintenanceRun.last("retention") if alias == ANALYTICS else None
        except Error as error:
            logger.warning("Tables of '%s' cannot be measured: %s", alias, error)
            continue
        for name, table, value in samples:
            families[name].add_metric([table], value)
        if last:
            retention.add_metric([], last.finished_at.timestamp())
    return [*families.values(), retention]


def _samples(size: Size) -> Iterator[tuple[str, str, float]]:
    table = size.model._meta.db_table
    yield "millrace_table_rows", table, size.rows
    yield "millrace_table_bytes", table, size.bytes
    if size.oldest:
        yield "millrace_oldest_event_timestamp_seconds", table, size.oldest.timestamp()
    if size.months:
        until = uuid7.time_of(size.months[-1].high).timestamp()
        yield "millrace_partitions_until_timestamp_seconds", table, until


_table_metrics = metrics.CachedCollector(_families, max_age_seconds=MAX_AGE_SECONDS)
metrics.DATABASE_REGISTRY.register(_table_metrics)


def reset() -> None:
    _table_metrics.reset()
