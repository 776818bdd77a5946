"""Metrics of requests, and the page that exposes all metrics to Prometheus.

Each worker has metrics of its own, of which prometheus_client exposes the sum. Metrics of the
databases are the same in all workers and must not be added up: they have their own registry.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import mark_process_dead
from prometheus_client.registry import Collector

DATABASE_REGISTRY = CollectorRegistry()
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

REQUEST_SECONDS = Histogram(
    "millrace_http_request_seconds",
    "Time until the answer to a request was made.",
    ["route", "method", "status"],
    buckets=[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
)


class CachedCollector(Collector):
    """Gauges of the databases: Prometheus may ask often, and each worker would read the same."""

    def __init__(
        self, read: Callable[[], list[GaugeMetricFamily]], *, max_age_seconds: float
    ) -> None:
        self._read, self._max_age_seconds = read, max_age_seconds
        self._reading = threading.Lock()
        self._families: list[GaugeMetricFamily] = []
        self._read_at = float("-inf")

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return all families of samples, read anew if they are too old."""
        with self._reading:
            if time.monotonic() - self._read_at >= self._max_age_seconds:
                self._families = self._read()
                self._read_at = time.monotonic()
            return self._families

    def reset(self) -> None:
        self._read_at = float("-inf")


def observe(request: HttpRequest, status: int, seconds: float) -> None:
    """Count a request by its route, which unlike its path is one of a few."""
    method = request.method if request.method in METHODS else "other"
    _histogram(_route_of(request), str(method), status).observe(seconds)


@cache
def _histogram(route: str, method: str, status: int) -> Histogram:
    return REQUEST_SECONDS.labels(route, method, str(status))


def _route_of(request: HttpRequest) -> str:
    match = request.resolver_match
    if match is None:
        return "none"  # static files, preflights, refused hosts
    if match.route.startswith("admin/"):
        return "admin/"  # many pages, few users
    return "unknown" if match.url_name == "unknown" else match.route


def page(request: HttpRequest) -> HttpResponse:
    """Return the metrics of all workers, whichever of them responds."""
    _remove_dead_workers()
    response: HttpResponse = ExportToDjangoView(request)
    response.content += generate_latest(DATABASE_REGISTRY)
    return response


def _remove_dead_workers() -> None:
    """Delete the gauges of workers that have exited; their counters stay in the sums."""
    pids = {path.stem.rpartition("_")[2] for path in settings.METRICS_DIR.glob("gauge_live*.db")}
    for pid in map(int, pids):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):  # another worker was faster
                mark_process_dead(pid, settings.METRICS_DIR)  # type: ignore[no-untyped-call]
        except PermissionError:
            pass  # another user's process has the id by now
