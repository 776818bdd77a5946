"""System checks of streams: row types and the place database always, the rest by the doctor."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.utils import timezone
from maxminddb import InvalidDatabaseError
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from analytics.events.deleted_websites import unknown_websites
from analytics.people.waiting import Waiting
from analytics.reports.derived import rollup_status
from analytics.sessions import visitors
from analytics.streams import json_columns, partitions, retention
from analytics.streams.base import streams
from analytics.streams.maintenance import MaintenanceFailure, MaintenanceRun
from analytics.streams.partitions import MONTHS_AHEAD, Month, partition_name
from analytics.streams.retention_limits import days_kept
from config.models import RuntimeSettings
from config.server import doctor

OVERDUE = timedelta(days=2)  # of commands that run daily
MAX_LAG = timedelta(minutes=10)
MAX_COUNTED = 10_000
MAX_NAMED = 5
MEND = "Run manage.py rollup --rebuild, and --check again; please report it."
BY_ITSELF = "`serve` does so daily, unless MAINTENANCE is off; else let cron do it."


@register
def places_can_be_read(**kwargs: Any) -> list[CheckMessage]:
    """Require a readable place database where GEOIP_DATABASE names one."""
    if not settings.GEOIP_DATABASE:
        return []
    try:
        visitors.places(settings.GEOIP_DATABASE)
    except (OSError, ValueError, InvalidDatabaseError):
        return [
            Error(
                f"GEOIP_DATABASE is no readable place database: {settings.GEOIP_DATABASE}",
                hint="Name a city or country file in MaxMind's format, or leave it empty.",
                id="analytics.E001",
            )
        ]
    return []


@register
def rows_match_tables(**kwargs: Any) -> list[CheckMessage]:
    """Require each stream's row type to have the columns of its table, in their order."""
    found: list[CheckMessage] = []
    for model in streams():
        columns = tuple(str(field.column) for field in model._meta.concrete_fields)
        if getattr(model.row, "_fields", ()) != columns:
            found.append(
                Error(
                    f"{model.row.__name__} does not match the table of {model.__name__}.",
                    hint=f"Its fields must be, in this order: {', '.join(columns)}.",
                    id="analytics.E002",
                )
            )
    return found


@doctor.check("partitions ahead", 501, "streams")
def partitions_ahead() -> CheckMessage:
    """Check that the months exist that a daily run of `partitions` creates, but for the last.

    The last one is created on some day of this month, which may be to come.
    """
    this_month = Month.of(datetime.now(UTC))
    last = this_month.plus(MONTHS_AHEAD - 1)
    for month in this_month.until(last):
        lacking = [
            str(model._meta.model_name)
            for model in streams()
            if partition_name(model, month) not in partitions.partition_names(model)
        ]
        if lacking:
            level = Error if month == this_month else Warning
            hint = f"Run manage.py partitions. {BY_ITSELF}"
            return level(f"{month} is missing for {', '.join(lacking)}", hint=hint)
    return Info(f"{this_month} to {last} are there")


@doctor.check("default partitions", 502, "streams")
def default_partitions() -> CheckMessage:
    """Check that default partitions are empty."""
    rows = {
        partitions.default_name(model): sum(rows for _, rows in partitions.months_in_default(model))
        for model in streams()
    }
    found = "; ".join(f"{name} holds {count:,} rows" for name, count in rows.items() if count)
    if not found:
        return Info("empty")
    return Warning(found, hint="Every read looks there too: run manage.py partitions --move.")


@doctor.check("json columns", 503, "streams")
def json_columns_keep_digits() -> CheckMessage:
    """Check that no table was too large for the migrations to make its free-form data json."""
    statements = json_columns.statements()
    if not statements:
        return Info("all keep every digit")
    return Warning(
        f"{len(statements)} are jsonb still, in which numbers may grow fifty-fold",
        hint=f"In a quiet hour, for it locks the table: {' '.join(statements)}",
    )


@doctor.check("unknown websites", 504, "streams")
def rows_of_unknown_websites() -> CheckMessage:
    """Name websites that have rows and are neither in the main database nor deleted there."""
    unknown = unknown_websites()
    if not unknown:
        return Info("no rows are of one")
    more = f" and {len(unknown) - MAX_NAMED:,} more" if len(unknown) > MAX_NAMED else ""
    return Warning(
        f"rows of {', '.join(map(str, unknown[:MAX_NAMED]))}{more} are kept",
        hint="After a restore of the main database restore these websites too; if they were "
        "deleted, record it by manage.py retention --deleted-website <id>.",
    )


@doctor.check("retention", 601, "upkeep")
def retention_runs() -> CheckMessage:
    """Check that retention has run, if any stream is kept for a limited time."""
    row = RuntimeSettings.load()
    limited = [str(model._meta.model_name) for model in streams() if days_kept(model, row)]
    last = MaintenanceRun.last(retention.NAME)
    ran = f"ran last on {last.finished_at:%Y-%m-%d %H:%M}" if last else "has never run"
    if not limited:
        return Info(f"{ran}; all streams are kept for ever")
    if last and last.finished_at > timezone.now() - OVERDUE:
        return Info(ran)
    return Warning(
        f"{ran}, and {', '.join(limited)} shall be deleted after some days",
        hint=f"Run manage.py retention. {BY_ITSELF}",
    )


@doctor.check("maintenance", 604, "upkeep")
def maintenance_failures() -> CheckMessage:
    """Check that no daily command has failed since it last came to its end."""
    failures = MaintenanceFailure.objects.order_by("name")
    if not failures:
        return Info("nothing failed")
    found = "; ".join(f"{each}" for each in failures)
    return Warning(found, hint="`serve` tries again every ten minutes; its log says more.")


@doctor.check("expired tokens", 602, "upkeep")
def expired_tokens() -> CheckMessage:
    """Check that revoked tokens are deleted once they have expired."""
    tokens = OutstandingToken.objects.filter(expires_at__lt=timezone.now() - OVERDUE)
    return _overdue(tokens[:MAX_COUNTED].count(), command="flushexpiredtokens")


@doctor.check("expired sessions", 603, "upkeep")
def expired_sessions() -> CheckMessage:
    """Check that login sessions are deleted once they have expired."""
    sessions = Session.objects.filter(expire_date__lt=timezone.now() - OVERDUE)
    return _overdue(sessions[:MAX_COUNTED].count(), command="clearsessions")


@doctor.check("statistics", 605, "upkeep")
def statistics_are_current() -> CheckMessage:
    """Check that the rollup follows the events."""
    found = rollup_status.status(timezone.now())
    if found.lag > MAX_LAG:
        return Warning(
            f"events have waited for {found.lag_text} to be shown",
            hint="`serve` runs manage.py rollup all the time, unless MAINTENANCE is off; its log "
            "says more.",
        )
    if found.last_check and found.last_check.differences:
        return Warning(f"the last check: {found.last_check}", hint=MEND)
    return Info("show all events but those of the last minutes")


@doctor.check("deleted accounts", 606, "upkeep")
def deleted_accounts_are_erased() -> CheckMessage:
    """Check that deleted accounts are erased within minutes."""
    found = Waiting.now()
    if not found.since:
        return Info("all are erased")
    text = f"{found.accounts:,} wait to be erased since {found.since:%Y-%m-%d %H:%M}"
    if found.since > timezone.now() - MAX_LAG:
        return Info(text)
    return Warning(
        text,
        hint="`serve` erases them, unless MAINTENANCE is off; its log says more. manage.py "
        "maintenance does it too.",
    )


def _overdue(count: int, *, command: str) -> CheckMessage:
    if not count:
        return Info("none to delete")
    more = "at least " if count == MAX_COUNTED else ""
    return Warning(
        f"{more}{count:,} wait for days to be deleted",
        hint=f"Run manage.py {command}, and daily from cron.",
    )
