"""Runtime settings; `runtime.current()` returns the snapshot in force."""

from config.runtime.snapshot import (
    Snapshot,
    current,
    expire,
    is_known_here,
    is_on,
    max_event_data_bytes,
    reset,
)

__all__ = [
    "Snapshot",
    "current",
    "expire",
    "is_known_here",
    "is_on",
    "max_event_data_bytes",
    "reset",
]
