"""The home page of the admin: traffic, switches, writes, databases and sizes.

No table of events is scanned. Each part is read on its own: one whose database is down is None, and
its template says so.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.contrib import admin
from django.db import connections
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from prometheus_client import Histogram

from analytics.admin.change_list import DATABASE_FAILURES, log_failure
from analytics.admin.formatting import changelist_url, may_view
from analytics.ingest.commit import GROUP_ROWS, GROUP_SECONDS
from analytics.people.waiting import Waiting
from analytics.reports.derived import rollup_status
from analytics.streams import sizes
from analytics.streams.base import Stream, streams
from analytics.streams.maintenance import COMMANDS, MaintenanceFailure, MaintenanceRun
from config.api import outcome_counts
from config.api.registry import BY_SWITCH
from config.db import deadline, replica, uuid7
from config.db.routers import ANALYTICS, MAIN
from config.models import RuntimeSettings
from config.runtime.setting_status import setting_statuses
from config.server import console, disk_guard, health

TIMEOUT_SECONDS = 2.0  # of all queries to one database
HOURS = 24
COLORS = {
    "stored": "var(--color-primary-500)",
    "spooled": "var(--color-primary-700)",
    "duplicate": "var(--color-primary-300)",
    "dropped": "#f97316",
    "rejected": "#ef4444",
}
OUTCOMES = tuple(COLORS)
CHART_OPTIONS = {
    "animation": False,
    "maintainAspectRatio": False,
    "plugins": {"legend": {"align": "end", "labels": {"boxWidth": 8, "boxHeight": 8}}},
    "interaction": {"mode": "index"},
    "scales": {
        "x": {"stacked": True, "grid": {"display": False}, "ticks": {"maxRotation": 0}},
        "y": {"stacked": True, "beginAtZero": True, "ticks": {"precision": 0}},
    },
}
Part = TypeVar("Part")


def add_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the context of the home page what the user may see."""
    context["title"] = "Home"
    context["full_disk"] = disk_guard.directory() if disk_guard.is_low() else None
    if admin.site.get_model_admin(RuntimeSettings).has_view_permission(request):
        with deadline.within(TIMEOUT_SECONDS):
            context["settings"] = {
                "url": reverse("admin:config_runtimesettings_change", args=[1]),
                "states": _read(setting_statuses),
            }
    if visible := [model for model in streams() if may_view(request.user, model)]:
        now = uuid7.now()
        with deadline.within(TIMEOUT_SECONDS):
            context |= {"sees_events": True, "outcomes": OUTCOMES}
            context["today"] = _read(lambda: today(now))
            context["chart"] = _read(lambda: last_hours(now))
            context["writes"] = _read(lambda: writes(now))
            context["spool"] = health.spool_state()
            context["analytics"] = _read(lambda: database(ANALYTICS, visible, now))
            context["statistics"] = _read(lambda: rollup_status.status(now))
            context["maintenance"] = _read(maintenance_runs)
            context["replica"] = _read(replica_lag) if settings.ANALYTICS_REPLICA else None
        with deadline.within(TIMEOUT_SECONDS):
            context["main"] = _read(lambda: database(MAIN, visible, now))
            context["waiting"] = _read(Waiting.now)
        context["databases"] = list(filter(None, (context["main"], context["analytics"])))
    return context


def today(now: datetime) -> list[dict[str, Any]]:
    """Return for each API the number of today's events by outcome, and the reasons of drops."""
    sums = outcome_counts.sums(now.replace(hour=0, minute=0, second=0, microsecond=0))
    rows = []
    for api in (BY_SWITCH[name].name for name in RuntimeSettings.switches() if name in BY_SWITCH):
        outcomes: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for (of_api, outcome, reason), events in sums.items():
            if of_api == api:
                outcomes[outcome] += events
                reasons[reason] += events if reason else 0
        texts = [f"{reason.replace('_', ' ')} {n:,}" for reason, n in reasons.most_common() if n]
        rows.append(
            {"api": api, "events": [(each, outcomes[each]) for each in OUTCOMES], "reasons": texts}
        )
    return rows


def last_hours(now: datetime) -> dict[str, Any]:
    """Return the chart of the events per hour."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    hours = [first + timedelta(hours=n) for n in range(HOURS)]
    sums = outcome_counts.by_hour(first)
    bars = [
        {
            "label": outcome.capitalize(),
            "data": [sums[hour, outcome] for hour in hours],
            "backgroundColor": color,
        }
        for outcome, color in COLORS.items()
    ]
    data = {"labels": [f"{hour:%H:%M}" for hour in hours], "datasets": bars}
    return {"data": json.dumps(data), "options": json.dumps(CHART_OPTIONS), "is_empty": not sums}


def writes(now: datetime) -> dict[str, Any]:
    """Return the writes of the last hour, and the commits of this process since its start."""
    sums = outcome_counts.sums(now - timedelta(hours=1))
    commits, seconds = _count_and_sum(GROUP_SECONDS)
    _, rows = _count_and_sum(GROUP_ROWS)
    return {
        "stored": sum(events for (_, outcome, _), events in sums.items() if outcome == "stored"),
        "failed": sum(
            events for (_, _, reason), events in sums.items() if reason == "write_failed"
        ),
        "commits": int(commits),
        "milliseconds": 1000 * seconds / commits if commits else 0,
        "rows": rows / commits if commits else 0,
    }


def database(alias: str, visible: list[type[Stream]], now: datetime) -> dict[str, Any]:
    """Return the response time of a database, and the tables in it that the user may view."""
    start = time.perf_counter()
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        [version] = cursor.fetchone()
    milliseconds = 1000 * (time.perf_counter() - start)
    found = [size for size in sizes.of_streams(alias) if size.model in visible]
    tables = [
        {
            "name": capfirst(size.model._meta.verbose_name_plural),
            # Page views have no list: they are on the page of their session.
            "url": changelist_url(size.model) if admin.site.is_registered(size.model) else None,
            "size": size,
            "bytes": console.size(size.bytes),
            "days": size.days_until_double(now),
        }
        for size in found
    ]
    return {"version": version, "milliseconds": milliseconds, "tables": tables}


def replica_lag() -> str:
    """Return how far the replica of the analytics database is behind."""
    lag = replica.lag()
    if lag is None:
        return "does not answer, statistics are read here"
    return f"{lag.seconds:.1f} s ({console.size(lag.bytes)}) behind"


def maintenance_runs() -> list[dict[str, Any]]:
    """Return for each daily command its last complete run, and its failure since then."""
    runs = {run.name: run for run in MaintenanceRun.objects.all()}
    failures = {failure.name: failure for failure in MaintenanceFailure.objects.all()}
    return [
        {"name": name, "run": runs.get(name), "failure": failures.get(name)} for name in COMMANDS
    ]


def _count_and_sum(histogram: Histogram) -> tuple[float, float]:
    """Return the number of observations of this process, and their sum."""
    [metric] = histogram.collect()
    sums = {sample.name.rpartition("_")[2]: sample.value for sample in metric.samples}
    return sums["count"], sums["sum"]


def _read(read: Callable[[], Part]) -> Part | None:
    """Return a part of the page, None while its database cannot be read."""
    try:
        return read()
    except DATABASE_FAILURES as error:
        log_failure(error)
        return None
