"""Snapshot of the runtime settings, read from the database at most once a second.

Every request needs the settings, so reading them costs neither a query nor a wait: one thread
refreshes a stale snapshot while all others go on with it. Only the first read of a process, and
the first one after a change in it, make the others wait.

A process that starts while the database is away goes on from what this host last knew. Without
that it knows no switch, and stores nothing; reads are private.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from cachetools import TTLCache
from django.conf import settings
from django.db import DatabaseError

from config.api.errors import StorageUnavailable
from config.db import deadline, last_known
from config.models import ON, RuntimeSettings, SwitchField

logger = logging.getLogger(__name__)
MAX_AGE_SECONDS = 1.0
KIND = "settings"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The values of all settings: switches as booleans, sizes in bytes, retention in days.

    While nothing is known of them, all is off, private, and kept.
    """

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
    is_known: bool = True

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


_DEFAULTS = Snapshot.of(RuntimeSettings())
_OFF = dict.fromkeys(RuntimeSettings.switches(), False)
_FOR_EVER: dict[str, Any] = dict.fromkeys(RuntimeSettings.retention_names(), 0)
UNKNOWN = replace(_DEFAULTS, **_OFF, **_FOR_EVER, is_known=False)
_refreshing = threading.Lock()
_row: RuntimeSettings | None = None  # the last one that was read
_saved: TTLCache[bytes, bool] = TTLCache(1, last_known.REPEAT_SECONDS)  # it as JSON
_snapshot = UNKNOWN
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


def is_on(switch: str) -> bool:
    """Return whether a switch of ingest is on; raises StorageUnavailable while nobody knows."""
    snapshot = current()
    if not snapshot.is_known:
        raise StorageUnavailable
    return bool(getattr(snapshot, switch))


def max_event_data_bytes() -> int:
    return current().max_event_data_bytes


def expire() -> None:
    """Make the next request read the settings."""
    global _fresh_until
    _fresh_until = 0.0


def reset() -> None:
    """Forget the settings, as in a new process."""
    global _row, _snapshot
    _row, _snapshot = None, UNKNOWN
    _saved.clear()
    expire()


@last_known.source(KIND, max_age_seconds=float("inf"))
def _changes() -> Mapping[str, Any]:
    """Return the settings if they have changed since they were last saved."""
    if _row is None:
        return {}
    values = {name: getattr(_row, name) for name in (*RuntimeSettings.names(), "ends")}
    text = msgspec.json.encode(values)
    if text in _saved:
        return {}
    _saved[text] = True
    return {"values": values}


def is_known_here() -> bool:
    """Return whether this host has ever known the settings."""
    return _last_known() is not None


def _last_known() -> RuntimeSettings | None:
    """Return the settings that this host last knew, None if it never did."""
    values = last_known.load(KIND, dict[str, Any]).get("values")
    if values is None:
        return None
    known = {*RuntimeSettings.names(), "ends"}
    return RuntimeSettings(pk=1, **{name: value for name, value in values.items() if name in known})


def _refresh() -> None:
    global _row, _snapshot, _fresh_until
    if time.monotonic() < _fresh_until:
        return  # another thread was faster
    try:
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS / 4):  # the request has work to do
            _row = RuntimeSettings.load()
    except DatabaseError as error:
        logger.warning("Runtime settings cannot be read, the last known ones stay: %s", error)
        _row = _row or _last_known()
    # Also without a new row: switches turn back at their time.
    _snapshot = Snapshot.of(_row) if _row else UNKNOWN
    _fresh_until = time.monotonic() + MAX_AGE_SECONDS
