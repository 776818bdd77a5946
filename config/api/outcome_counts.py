"""What became of events, day by day: every process adds what it counted to one table.

Requests only raise the counters that they raise for Prometheus; a thread writes the differences.
These are statistics: kill -9 loses the last seconds, and a commit whose confirmation was lost is
written again.
"""

import logging
import threading
from collections import Counter
from datetime import datetime, timedelta
from multiprocessing.util import Finalize

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import Sum
from django.db.models.functions import TruncHour

from config.api import outcomes
from config.db import (
    deadline,
    uuid7,
)
from config.db.routers import home
from config.models import OutcomeCount

logger = logging.getLogger(__name__)

SLOT = timedelta(minutes=5)
RETENTION = timedelta(days=35)
EVERY_SECONDS = 5.0
WRITING_SECONDS = 2.0
MAX_WAITING = 10_000  # sums kept in memory while the database is away

Ending = tuple[str, str, str]  # API, outcome, reason
Key = tuple[datetime, str, str, str]

_flushing = threading.Lock()
_seen: Counter[Ending] = Counter()  # of the process's counters, what is added up
_waiting: Counter[Key] = Counter()  # what is added up and not yet written
_swept_at: datetime | None = None


def start() -> None:
    """Write this process's counters to the table from now on, and once more when it ends."""
    threading.Thread(target=_run, name="outcome-counts", daemon=True).start()
    # The workers of granian end as multiprocessing's children do, without atexit.
    Finalize(None, flush, exitpriority=10)


def slot_of(at: datetime) -> datetime:
    """Return when the slot of a time began."""
    return uuid7.from_ms(0) + (at - uuid7.from_ms(0)) // SLOT * SLOT


def flush() -> None:
    """Add what was counted since the last time; keep it for the next time if that fails."""
    with _flushing:
        now = uuid7.now()
        _add_up(now)
        if not _waiting:
            return
        try:
            with deadline.within(WRITING_SECONDS):
                _write()
                _waiting.clear()
                _sweep(now)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Outcome counts are not written now, but later: %s", error)


def reset() -> None:
    """Take what was counted until now for written."""
    global _swept_at
    with _flushing:
        _swept_at = None
        _add_up(uuid7.now())
        _waiting.clear()


def sums(start: datetime) -> Counter[Ending]:
    """Return how many events ended how in the slots that began then or later."""
    rows = OutcomeCount.objects.since(start).values_list("api", "outcome", "reason")
    return Counter({(*ending,): events for *ending, events in rows.annotate(Sum("events"))})


def by_hour(start: datetime) -> Counter[tuple[datetime, str]]:
    """Return how many events ended how in each hour, of the slots that began then or later."""
    rows = OutcomeCount.objects.since(start).values_list(TruncHour("slot"), "outcome")
    return Counter(
        {(hour, outcome): events for hour, outcome, events in rows.annotate(Sum("events"))}
    )


def _run() -> None:
    wake = threading.Event()
    while not wake.wait(EVERY_SECONDS):
        flush()
        connections[home(OutcomeCount)].close()  # a connection of its own is not worth keeping


def _add_up(now: datetime) -> None:
    slot = slot_of(now)
    if len(_waiting) >= MAX_WAITING:  # after days without a database; no slot is added
        slot = max(key[0] for key in _waiting)
    for counted, total in outcomes.counted().items():
        if new := total - _seen[counted]:
            _waiting[slot, *counted] += new
            _seen[counted] = total


def _write() -> None:
    rows = sorted(_waiting.items())  # in one order in all processes, so that none waits in a ring
    columns = list(zip(*((*key, events) for key, events in rows), strict=True))
    with connections[home(OutcomeCount)].cursor() as cursor:
        cursor.execute(
            "INSERT INTO config_tally (slot, api, outcome, reason, events) SELECT * FROM "
            "unnest(%s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::bigint[]) "
            "ON CONFLICT (slot, api, outcome, reason) "
            "DO UPDATE SET events = config_tally.events + EXCLUDED.events",
            [list(column) for column in columns],
        )


def _sweep(now: datetime) -> None:
    """Delete what has been kept long enough, once in a slot."""
    global _swept_at
    if _swept_at != slot_of(now):
        OutcomeCount.objects.filter(slot__lt=now - RETENTION).delete()
        _swept_at = slot_of(now)
