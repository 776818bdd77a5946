"""Snapshot of the runtime settings, read from the database at most once a second.

Every request needs the settings, so reading them costs neither a query nor a wait: one thread
refreshes a stale snapshot while all others go on with it. Only the first read of a process, and
the first one after a change in it, make the others wait.
"""

import logging
import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError

from config.db import deadline
from config.models import ON, RuntimeSettings, SwitchField

logger = logging.getLogger(__name__)
MAX_AGE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The values of all settings: switches as booleans, sizes in bytes, retention in days."""

    tracking_enabled: bool
    events_enabled: bool
    activity_enabled: bool
    platform_enabled: bool
    collect_enabled: bool
    public_event_reads: bool
    registration_enabled: bool
    platform_stats_public: bool
    max_event_data_bytes: int
    track_retention_days: int
    session_retention_days: int
    event_retention_days: int
    activity_retention_days: int
    platform_retention_days: int
    collect_retention_days: int
    statistics_retention_days: int

    @classmethod
    def of(cls, row: RuntimeSettings) -> "Snapshot":
        """Return the values of a row as they are in force now."""
        row.apply_expired()
        return cls(
            **{
                field.name: getattr(row, field.name) == ON
                if isinstance(field, SwitchField)
                else getattr(row, field.name)
                for field in RuntimeSettings.fields()
            }
        )


_refreshing = threading.Lock()
_row = RuntimeSettings()  # the last one that was read
_snapshot = Snapshot.of(_row)
_fresh_until = 0.0  # on time.monotonic(); 0 makes all requests wait for the next read


def current() -> Snapshot:
    """Return the settings in force, at most a second old.

    While the database is away, the last ones that were read stay in force.
    """
    if time.monotonic() >= _fresh_until and _refreshing.acquire(blocking=_fresh_until == 0):
        try:
            _refresh()
        finally:
            _refreshing.release()
    return _snapshot


def max_event_data_bytes() -> int:
    return current().max_event_data_bytes


def expire() -> None:
    """Make the next request read the settings."""
    global _fresh_until
    _fresh_until = 0.0


def reset() -> None:
    """Forget the settings, as in a new process."""
    global _row, _snapshot
    _row = RuntimeSettings()
    _snapshot = Snapshot.of(_row)
    expire()


def _refresh() -> None:
    global _row, _snapshot, _fresh_until
    if time.monotonic() < _fresh_until:
        return  # another thread was faster
    try:
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS / 4):  # the request has work to do
            _row = RuntimeSettings.load()
    except DatabaseError as error:
        logger.warning("Runtime settings cannot be read, the last known ones stay: %s", error)
    _snapshot = Snapshot.of(_row)  # also without a new row: switches turn back at their time
    _fresh_until = time.monotonic() + MAX_AGE_SECONDS
