"""Runtime settings; `runtime.current()` returns the snapshot in force."""

from config.runtime.snapshot import Snapshot, current, expire, max_event_data_bytes, reset

__all__ = ["Snapshot", "current", "expire", "max_event_data_bytes", "reset"]
