"""How much of a worker reads may take: a few of a kind at a time, and seconds for each"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from config.api.errors import StorageUnavailable
from config.db import deadline, pool
from config.db.pool import Turns
from config.server.time_slices import sliced

LEAST_REST_SECONDS = 0.001
MOST_REST_SECONDS = 10.0  # also after reads that waited for a database that was away


class Capacity:
    """Turns of reads of one kind: however many there are, ingest keeps its connections.

    A crowd leaves it the processor, too: while `crowd` reads wait, a turn rests after each for as
    long as that took, and longer the more wait. Few wait for nothing but each other.
    """

    def __init__(self, *, at_once: int, seconds: float, crowd: int | None = None) -> None:
        self.at_once, self.seconds = at_once, seconds
        self._crowd = crowd
        self._turns = Turns(at_once)

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Run a block when it is its turn, in time slices; give up after some seconds of waiting.

        Raises StorageUnavailable, or what a database raises at the deadline. Also a decorator.
        """
        pool.give_back()  # others may use the connections of this request while it waits
        with deadline.within(self.seconds):
            with deadline.waiting():
                has_turn = self._turns.acquire(timeout=deadline.remaining() or 0)
            if not has_turn:
                raise StorageUnavailable
            started = time.monotonic()
            try:
                with sliced():
                    yield
            finally:
                self._release(time.monotonic() - started)

    def _release(self, taken: float) -> None:
        """Let the next one have a turn that was taken for so many seconds."""
        rest = taken * self._turns.waiting / self._crowd if self._crowd else 0
        rest = min(rest, MOST_REST_SECONDS)
        if rest < LEAST_REST_SECONDS:
            self._turns.release()
            return
        timer = threading.Timer(rest, self._turns.release)
        timer.daemon = True
        timer.start()


LISTS = Capacity(at_once=2, seconds=5.0, crowd=4)  # of rows as they are stored
STATISTICS = Capacity(at_once=4, seconds=5.0)  # so that dashboards leave connections to all others
