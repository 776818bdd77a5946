"""The times that events may have."""

from decimal import Decimal

from config.db import uuid7

EARLIEST_MS = 1_420_070_400_000  # 2015-01-01T00:00:00.000Z
AHEAD_MS = 86_400_000  # a client's clock may be a day fast


def is_event_time(ms: float | Decimal) -> bool:
    """Return whether a time in Unix milliseconds is acceptable as the time of an event."""
    return EARLIEST_MS <= ms <= uuid7.now_ms() + AHEAD_MS
