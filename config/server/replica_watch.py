"""The replica of the analytics database on /metrics, and for the doctor"""

from django.conf import settings
from django.core.checks import CheckMessage, Info, Warning
from prometheus_client.core import GaugeMetricFamily

from config.db import replica
from config.db.routers import ANALYTICS
from config.server import console, doctor, metrics

MAX_AGE_SECONDS = 5
LATE_SECONDS = 10


def _families() -> list[GaugeMetricFamily]:
    lag = replica.lag() if settings.ANALYTICS_REPLICA else None
    if lag is None:
        return []
    text = "How far the replica of the analytics database is behind."
    return [GaugeMetricFamily("millrace_replica_lag_seconds", text, value=lag.seconds)]


@doctor.check("replica", 221, "databases", ANALYTICS)
def replica_lag() -> CheckMessage:
    """Check that the replica answers, and keeps up with its primary."""
    if not settings.ANALYTICS_REPLICA:
        return Info("none")
    lag = replica.lag()
    if lag is None:
        hint = "Statistics are read from the primary: start it, or correct ANALYTICS_REPLICA_URL."
        return Warning("does not answer, or is none", hint=hint)
    found = f"{console.size(lag.bytes)}, {lag.seconds:.1f} s behind"
    if lag.seconds < LATE_SECONDS:
        return Info(found)
    return Warning(found, hint="Statistics are read from the primary meanwhile: look at its load.")


_replica_metrics = metrics.CachedCollector(_families, max_age_seconds=MAX_AGE_SECONDS)
metrics.DATABASE_REGISTRY.register(_replica_metrics)


def reset() -> None:
    _replica_metrics.reset()
