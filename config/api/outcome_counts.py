"""Outcome counts in the database, to which every process adds its own.

Requests only increment the counters of Prometheus; a thread writes the differences every few
seconds. These are statistics: kill -9 loses the last seconds, and counts whose commit was not
confirmed are added again.
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
from config.db import deadline, uuid7
from config.db.routers import home
from config.models import OutcomeCount

logger = logging.getLogger(__name__)

SLOT = timedelta(minutes=5)
RETENTION = timedelta(days=35)
INTERVAL_SECONDS = 5.0
WRITE_SECONDS = 2.0
MAX_PENDING = 10_000  # counts in memory while the database is away

Key = tuple[str, str, str]  # API, outcome, reason
SlotKey = tuple[datetime, str, str, str]

_flushing = threading.Lock()
_collected: Counter[Key] = Counter()  # totals of this process that are in _pending or written
_pending: Counter[SlotKey] = Counter()  # what is not yet written
_cleaned_slot: datetime | None = None  # in which old counts were last deleted


def start() -> None:
    """Write the counts of this process every few seconds from now on, and when it ends."""
    threading.Thread(target=_run, name="outcome-counts", daemon=True).start()
    # Unlike atexit, this also works in the child of a multiprocessing parent.
    Finalize(None, flush, exitpriority=10)


def slot_of(at: datetime) -> datetime:
    return uuid7.from_ms(0) + (at - uuid7.from_ms(0)) // SLOT * SLOT


def flush() -> None:
    """Write what was counted since the last time; if that fails, the next call writes it."""
    with _flushing:
        now = uuid7.now()
        _collect(now)
        if not _pending:
            return
        try:
            with deadline.within(WRITE_SECONDS):
                _write()
                _pending.clear()
                _delete_old(now)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Outcome counts are not written now, but later: %s", error)


def reset() -> None:
    """Forget what was counted until now."""
    global _cleaned_slot
    with _flushing:
        _cleaned_slot = None
        _collect(uuid7.now())
        _pending.clear()


def sums(start: datetime) -> Counter[Key]:
    """Return the counts by API, outcome and reason of all slots that began then or later."""
    rows = OutcomeCount.objects.since(start).values_list("api", "outcome", "reason")
    return Counter({(*key,): events for *key, events in rows.annotate(Sum("events"))})


def by_hour(start: datetime) -> Counter[tuple[datetime, str]]:
    """Return the counts by hour and outcome of all slots that began then or later."""
    rows = OutcomeCount.objects.since(start).values_list(TruncHour("slot"), "outcome")
    return Counter(
        {(hour, outcome): events for hour, outcome, events in rows.annotate(Sum("events"))}
    )


def _run() -> None:
    wake = threading.Event()
    while not wake.wait(INTERVAL_SECONDS):
        flush()
        connections[home(OutcomeCount)].close()  # not worth a connection of its own


def _collect(now: datetime) -> None:
    slot = slot_of(now)
    if len(_pending) >= MAX_PENDING:  # after days without a database: add no more slots
        slot = max(key[0] for key in _pending)
    for key, total in outcomes.counted().items():
        if new := total - _collected[key]:
            _pending[slot, *key] += new
            _collected[key] = total


def _write() -> None:
    rows = sorted(_pending.items())  # all processes lock rows in one order: no deadlock
    columns = list(zip(*((*key, events) for key, events in rows), strict=True))
    with connections[home(OutcomeCount)].cursor() as cursor:
        cursor.execute(
            "INSERT INTO config_tally (slot, api, outcome, reason, events) SELECT * FROM "
            "unnest(%s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::bigint[]) "
            "ON CONFLICT (slot, api, outcome, reason) "
            "DO UPDATE SET events = config_tally.events + EXCLUDED.events",
            [list(column) for column in columns],
        )


def _delete_old(now: datetime) -> None:
    """Delete counts past their retention, once in each slot."""
    global _cleaned_slot
    if _cleaned_slot != slot_of(now):
        OutcomeCount.objects.filter(slot__lt=now - RETENTION).delete()
        _cleaned_slot = slot_of(now)
