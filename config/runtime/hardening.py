"""Settings that a company would run the service with, and how far it is from them"""

import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.migrations import Migration

from config.db.routers import MAIN
from config.models import ON, RuntimeSettings
from config.runtime.preview import PendingChange

SWITCHED_OFF = {
    "registration_enabled": "whoever finds the service makes an account",
    "public_event_reads": "whoever knows a tracking code, which pages show, reads all events",
    "platform_stats_public": "every account reads the statistics of all users",
}
RETENTION_DAYS = {
    "event_retention_days": 90,
    "session_retention_days": 90,
    "activity_retention_days": 90,
    "platform_retention_days": 90,
    "track_retention_days": 400,
    "statistics_retention_days": 400,
}
FIRST = ("config", "0001_initial")
ANNOUNCEMENT = (
    "  A new service is open to everybody: run manage.py harden, and manage.py doctor tells what "
    "is left to do.\n"
)
ENVIRONMENT = "API_DOCS=false REQUIRE_HTTPS=true"
QUOTAS = "QUOTA_WEBSITE_EVENTS=1000000 QUOTA_ACTIVITY_EVENTS=10000"


def hardened() -> list[PendingChange]:
    """Return each setting with its value and the one that it would have.

    What is stricter already stays: a switch that is off for good, rows that are kept for a shorter
    time.
    """
    row = RuntimeSettings.load()
    switches = [_change(row, name, "false") for name in SWITCHED_OFF]
    return switches + [_change(row, name, days) for name, days in RETENTION_DAYS.items()]


def kept_for_ever() -> list[str]:
    """Return the settings by which rows are never deleted."""
    row = RuntimeSettings.load()
    names = [*RETENTION_DAYS, "collect_retention_days"]
    names.remove("statistics_retention_days")  # 0 there is: as long as the events
    return [name for name in names if not getattr(row, name)]


def announce(
    *,
    using: str,
    verbosity: int,
    plan: Sequence[tuple[Migration, bool]] = (),  # of `flush`, which sends the signal too: none
    stdout: Any = sys.stdout,
    **kwargs: Any,
) -> None:
    """Name the command once the tables of a new service in production are made."""
    made = {(each.app_label, each.name) for each, is_backwards in plan if not is_backwards}
    if FIRST in made and using == MAIN and verbosity and not settings.EMBEDDED:
        stdout.write(ANNOUNCEMENT)


def _change(row: RuntimeSettings, name: str, wanted: Any) -> PendingChange:
    old, end = getattr(row, name), row.end_of(name)
    is_strict = old != ON and not end if name in SWITCHED_OFF else 0 < old <= wanted
    return PendingChange(name, old, old if is_strict else wanted, old_until=end)
