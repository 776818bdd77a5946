"""How much of a worker statistics may take: a few questions at a time, and seconds for each."""

from collections.abc import Iterator
from contextlib import contextmanager

from config.api.errors import StorageUnavailable
from config.db import deadline
from config.db.pool import Turns
from config.server.time_slices import sliced

MAX_QUESTIONS = 4  # so that dashboards leave connections to all others
MAX_SECONDS = 5.0

_turns = Turns(MAX_QUESTIONS)


@contextmanager
def bounded() -> Iterator[None]:
    """Run a block when it is its turn, in time slices; give up after some seconds of waiting.

    Raises StorageUnavailable, or what a database raises at the deadline.
    """
    with deadline.within(MAX_SECONDS):
        with deadline.waiting():
            has_turn = _turns.acquire(timeout=deadline.remaining() or 0)
        if not has_turn:
            raise StorageUnavailable
        try:
            with sliced():
                yield
        finally:
            _turns.release()
