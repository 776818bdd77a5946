"""What is known of the journal: for health checks, metrics, the doctor and the admin's home."""

import logging
import sqlite3
import time

import humanize
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning
from prometheus_client.core import GaugeMetricFamily

from analytics.ingest import writer
from analytics.ingest.spool import spooling
from config import runtime
from config.server import console, doctor, health, metrics
from config.server.health import SpoolState

logger = logging.getLogger(__name__)
MAX_AGE_SECONDS = 1
ASIDE_HINT = "What could be read of them is stored: look at them, or delete them."


class JournalWatch:
    """The journal of this host, as `health` asks for it."""

    def state(self) -> SpoolState:
        """Return what is in the journal, nothing where it cannot be read."""
        try:
            found = spooling.state()
        except (sqlite3.Error, OSError) as error:
            logger.warning("The journal cannot be looked at: %s", error)
            return SpoolState()
        oldest = None if found.oldest_at is None else max(0, int(time.time() - found.oldest_at))
        return SpoolState(found.rows, found.bytes, oldest, found.files_aside)

    def takes_rows_of(self, alias: str) -> bool:
        """Return whether new rows of a database that is away are spooled by this process."""
        if not spooling.has_room() or writer.are_refusing(alias):
            return False
        return runtime.current().is_known


def _families() -> list[GaugeMetricFamily]:
    state = health.spool_state()
    return [
        GaugeMetricFamily(f"millrace_spool_{name}", text, value=value)
        for name, text, value in (
            ("rows", "Rows and changes in the journal of this host.", state.rows),
            ("bytes", "Size of the journal with all its files.", state.bytes),
            ("oldest_seconds", "Age of the oldest rows in the journal.", state.oldest_seconds or 0),
            ("files_aside", "Damaged files that were put aside.", state.files_aside),
        )
    ]


@doctor.check("spool", 303, "machine")
def journal() -> CheckMessage:
    """Check that the journal of this host is empty, and would take rows."""
    if not settings.SPOOL_BYTES:
        hint = "Posts are refused while a database is away: set SPOOL_BYTES."
        return Warning("off", hint=hint)
    state = health.spool_state()
    if not spooling.has_room():
        hint = "Make room on the disk of VAR_DIR, let its owner write there, or raise SPOOL_BYTES."
        return Error(f"takes nothing, with {console.size(state.bytes)}", hint=hint)
    if state.files_aside:
        return Warning(f"{state.files_aside} damaged files in VAR_DIR/spool", hint=ASIDE_HINT)
    if not state.rows:
        return Info("empty")
    age = humanize.naturaldelta(state.oldest_seconds or 0)
    found = f"{state.rows:,} rows, {console.size(state.bytes)}, the oldest for {age}"
    return Warning(found, hint="They are stored by `serve` once their database is back.")


health.use_spool(JournalWatch())
_spool_metrics = metrics.CachedCollector(_families, max_age_seconds=MAX_AGE_SECONDS)
metrics.DATABASE_REGISTRY.register(_spool_metrics)


def reset() -> None:
    _spool_metrics.reset()
