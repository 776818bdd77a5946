"""The clock of a test"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from config.db import server_clock


class Clock:
    """The time of day and the monotonic clock: both stand still until a test moves them.

    The time that databases tell is the same, but for `servers_ahead`. What PostgreSQL does by
    itself, and other processes, have clocks of their own.
    """

    def __init__(self, wall: time_machine.Traveller) -> None:
        self._wall = wall
        self._seconds = time.monotonic()
        self.seconds_per_reading = 0.0  # by which each look moves the monotonic clock
        self.servers_ahead: dict[str, timedelta] = {}  # by the alias of a database

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def server_now(self, alias: str) -> datetime:
        return self.now + self.servers_ahead.get(alias, timedelta(0))

    def monotonic(self) -> float:
        """Return the seconds of time.monotonic() and time.perf_counter()."""
        self._seconds += self.seconds_per_reading
        return self._seconds

    def set(self, at: datetime) -> None:
        """Set the time of day; the monotonic clock stays."""
        self._wall.move_to(at)

    def move(self, **duration: float) -> None:
        """Move both clocks by a duration, such as seconds=2."""
        delta = timedelta(**duration)
        self._wall.shift(delta)
        self._seconds += delta.total_seconds()


@contextmanager
def still_clock() -> Iterator[Clock]:
    """Stop the clocks of this process, at the present."""
    now = datetime.now(UTC).replace(microsecond=0)
    with time_machine.travel(now, tick=False) as wall, pytest.MonkeyPatch.context() as patch:
        clock = Clock(wall)
        patch.setattr(time, "monotonic", clock.monotonic)
        patch.setattr(time, "perf_counter", clock.monotonic)
        patch.setattr(server_clock, "now", clock.server_now)
        yield clock
