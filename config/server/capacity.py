"""How much of a worker reads may take: a few of a kind at a time, and seconds for each"""

from collections.abc import Iterator
from contextlib import contextmanager

from config.api.errors import StorageUnavailable
from config.db import deadline, pool
from config.db.pool import Turns
from config.server.time_slices import sliced


class Capacity:
    """Turns of reads of one kind: however many there are, ingest keeps its connections."""

    def __init__(self, *, at_once: int, seconds: float) -> None:
        self.at_once, self.seconds = at_once, seconds
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
            try:
                with sliced():
                    yield
            finally:
                self._turns.release()


LISTS = Capacity(at_once=2, seconds=5.0)  # of rows as they are stored
STATISTICS = Capacity(at_once=4, seconds=5.0)  # so that dashboards leave connections to all others
