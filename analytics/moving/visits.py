"""Sessions of visitors of whom a source tells no sessions, or longer ones

By the rule of the tracking script: a session ends after half an hour without an event, and after a
day at the latest.
"""

from collections import OrderedDict

IDLE_MS = 30 * 60_000
LONGEST_MS = 86_400_000
MAX_VISITORS = 500_000  # at a time: some 180 MB


class Visits:
    """The sessions that are under way; events come about in the order of their times."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, tuple[int, int]] = OrderedDict()  # first and last event

    def start_of(self, visitor: str, ms: int) -> int:
        """Return when the session of an event began; events of no others end it."""
        start, last = self._open.pop(visitor, (ms, ms))
        if ms - last > IDLE_MS or ms - start > LONGEST_MS:
            start, last = ms, ms
        self._open[visitor] = (start, max(last, ms))
        self._forget(ms)
        return start

    def _forget(self, ms: int) -> None:
        while self._open:
            visitor, (_, last) = next(iter(self._open.items()))
            if ms - last <= IDLE_MS and len(self._open) <= MAX_VISITORS:
                return
            del self._open[visitor]
