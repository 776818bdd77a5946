"""How far the rollup is behind, and what its checks have found: for metrics, doctor and admin"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import humanize
from django.db import Error, connections
from django.db.models import Sum
from prometheus_client.core import GaugeMetricFamily

from analytics.reports.derived.rollup_models import DirtyRange, EventTotal, RollupCheck
from analytics.reports.derived.sealed_models import SEALED
from analytics.reports.models import WebsiteSession, WebsiteVisitor
from config.db import cluster, deadline, uuid7
from config.db.routers import home
from config.server import metrics

MAX_AGE_SECONDS = 15
READ_SECONDS = 2
TABLES = (DirtyRange, EventTotal, WebsiteVisitor, *SEALED)

LAG = "Age of the oldest events that the statistics do not show unless they are asked for."
DRIFT = "Sessions, totals and sealed days that manage.py rollup --check found to be wrong."
CHECK = "When manage.py rollup --check last came to its end."
ROWS = "Rows of a table of statistics, as PostgreSQL estimates them."


@dataclass(frozen=True, slots=True)
class Status:
    """lag: for how long the oldest mark has waited. drift: differences that all checks found."""

    lag: timedelta
    drift: int
    last_check: RollupCheck | None

    @property
    def lag_text(self) -> str:
        return humanize.precisedelta(self.lag, format="%d")

    @property
    def last_check_at(self) -> datetime | None:
        return uuid7.time_of(self.last_check.id) if self.last_check else None


def status(now: datetime) -> Status:
    """Return how the rollup stands."""
    oldest = DirtyRange.objects.order_by("id").values_list("id", flat=True).first()
    return Status(
        lag=max(timedelta(0), now - uuid7.time_of(oldest)) if oldest else timedelta(0),
        drift=RollupCheck.objects.aggregate(sum=Sum("differences", default=0))["sum"],
        last_check=RollupCheck.objects.order_by("-id").first(),
    )


def _families() -> list[GaugeMetricFamily]:
    lag = GaugeMetricFamily("millrace_rollup_lag_seconds", LAG)
    drift = GaugeMetricFamily("millrace_rollup_drift_total", DRIFT)
    check = GaugeMetricFamily("millrace_rollup_check_timestamp_seconds", CHECK)
    rows = GaugeMetricFamily("millrace_statistics_rows", ROWS, labels=["table"])
    try:
        with deadline.within(READ_SECONDS):
            found, counts = status(uuid7.now()), _rows()
    except Error:
        return [lag, drift, check, rows]
    lag.add_metric([], found.lag.total_seconds())
    drift.add_metric([], found.drift)
    if found.last_check_at:
        check.add_metric([], found.last_check_at.timestamp())
    for table, count in counts:
        rows.add_metric([table], count)
    return [lag, drift, check, rows]


def _rows() -> list[tuple[str, int]]:
    names = [model._meta.db_table for model in TABLES]
    with connections[home(WebsiteSession)].cursor() as cursor:
        cursor.execute(
            "SELECT relname, greatest(reltuples, pg_stat_get_live_tuples(oid), 0)::bigint "
            "FROM pg_class WHERE relname = ANY(%s) AND relkind = 'r' ORDER BY relname",
            [names],
        )
        found = list(cursor.fetchall())
    sizes = cluster.shard_sizes(home(WebsiteSession))
    return [(name, sizes[name][0] if name in sizes else rows) for name, rows in found]


_metrics = metrics.CachedCollector(_families, max_age_seconds=MAX_AGE_SECONDS)
metrics.DATABASE_REGISTRY.register(_metrics)


def reset() -> None:
    _metrics.reset()
