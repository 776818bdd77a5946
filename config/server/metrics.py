"""What is watched of every request, and the page on which Prometheus reads all metrics.

Metrics of prometheus_client belong to one worker, and django-prometheus adds up those of all.
Figures that belong to the databases are the same from every worker: they stand in a registry of
their own, which is not added up.
"""

import os
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import mark_process_dead

OF_DATABASES = CollectorRegistry()
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

REQUEST_SECONDS = Histogram(
    "millrace_http_request_seconds",
    "Time until the answer to a request was made.",
    ["route", "method", "status"],
    buckets=[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
)


def observe(request: HttpRequest, status: int, seconds: float) -> None:
    """Count a request with its answer, by its route rather than by its path."""
    method = request.method if request.method in METHODS else "other"
    REQUEST_SECONDS.labels(_route_of(request), method, str(status)).observe(seconds)


def _route_of(request: HttpRequest) -> str:
    match = request.resolver_match
    if match is None:
        return "none"  # static files, preflights, refused hosts
    if match.route.startswith("admin/"):
        return "admin/"  # its pages are many, and are for few
    return "unknown" if match.url_name == "unknown" else match.route


def page(request: HttpRequest) -> HttpResponseBase:
    """Return the answer with all metrics, whichever worker gives it."""
    _forget_dead_workers()
    response = ExportToDjangoView(request)
    response.content += generate_latest(OF_DATABASES)
    answer: HttpResponseBase = response
    return answer


def _forget_dead_workers() -> None:
    """Delete the gauges of workers that have ended; what they counted stays in the sums."""
    pids = {path.stem.rpartition("_")[2] for path in settings.METRICS_DIR.glob("gauge_live*.db")}
    for pid in map(int, pids):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):  # another worker was faster
                mark_process_dead(pid, settings.METRICS_DIR)  # type: ignore[no-untyped-call]
        except PermissionError:
            pass  # the id is somebody else's by now
