"""Whether the commands run that keep the tables small."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from analytics.doctor.checks import Finding, check, ok, warn
from analytics.streams import retention
from analytics.streams.base import streams
from analytics.streams.maintenance import MaintenanceRun
from config.models import RuntimeSettings

OVERDUE = timedelta(days=2)
AT_MOST = 10_000  # rows that are counted


@check("retention")
def retention_runs() -> Finding:
    """Look when retention ran, if anything is to be deleted some day."""
    row = RuntimeSettings.load()
    limited = [
        str(model._meta.model_name) for model in streams() if retention.days_kept(model, row)
    ]
    last = MaintenanceRun.last(retention.NAME)
    ran = f"ran last on {last.finished_at:%Y-%m-%d %H:%M}" if last else "has never run"
    if not limited:
        return ok(f"{ran}; all streams are kept for ever")
    if last and last.finished_at > timezone.now() - OVERDUE:
        return ok(ran)
    return warn(
        f"{ran}, and {', '.join(limited)} shall be deleted after some days",
        "Run manage.py retention, and daily from cron.",
    )


@check("expired tokens")
def expired_tokens() -> Finding:
    """Look whether revoked tokens that have expired are deleted."""
    tokens = OutstandingToken.objects.filter(expires_at__lt=timezone.now() - OVERDUE)
    return _waiting(tokens[:AT_MOST].count(), command="flushexpiredtokens")


@check("expired sessions")
def expired_sessions() -> Finding:
    """Look whether sessions of browsers that have expired are deleted."""
    sessions = Session.objects.filter(expire_date__lt=timezone.now() - OVERDUE)
    return _waiting(sessions[:AT_MOST].count(), command="clearsessions")


def _waiting(count: int, *, command: str) -> Finding:
    if not count:
        return ok("none to delete")
    more = "at least " if count == AT_MOST else ""
    found = f"{more}{count:,} wait for days to be deleted"
    return warn(found, f"Run manage.py {command}, and daily from cron.")
