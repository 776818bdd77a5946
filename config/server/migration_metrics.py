"""Metrics of migrations, under the names of django-prometheus.

Its own export asks the databases at import, when they may be away, and each worker would show a
series of its own. Here they are read when Prometheus asks; those of a database that is down are
missing meanwhile.
"""

import logging

from django.db import Error, connections
from django.db.migrations.executor import MigrationExecutor
from django_prometheus.migrations import applied_migrations, unapplied_migrations
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily

from config.db import deadline
from config.server import metrics

logger = logging.getLogger(__name__)
MAX_AGE_SECONDS = 60  # reading takes 20 milliseconds of a processor for each database
READ_SECONDS = 2


def _families() -> list[GaugeMetricFamily]:
    unapplied = GaugeMetricFamily(
        "django_migrations_unapplied_total",
        "Count of unapplied migrations by database connection",
        labels=["connection"],
    )
    applied = GaugeMetricFamily(
        "django_migrations_applied_total",
        "Count of applied migrations by database connection",
        labels=["connection"],
    )
    for alias in connections:
        try:
            with deadline.within(READ_SECONDS):
                executor = MigrationExecutor(connections[alias])
        except Error as error:
            logger.warning("Migrations of '%s' cannot be read: %s", alias, error)
            continue
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        unapplied.add_metric([alias], len(plan))
        applied.add_metric([alias], len(executor.loader.applied_migrations))
    return [unapplied, applied]


_migration_metrics = metrics.CachedCollector(_families, max_age_seconds=MAX_AGE_SECONDS)
metrics.DATABASE_REGISTRY.register(_migration_metrics)
for gauge in (unapplied_migrations, applied_migrations):  # empty, and of the same names
    REGISTRY.unregister(gauge)


def reset() -> None:
    _migration_metrics.reset()
