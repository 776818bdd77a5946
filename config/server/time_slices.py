"""Time slices for what takes long to make: other requests of a worker run in between.

Greenlets switch only where they wait. A page of the admin computes for a tenth of a second without
waiting, so a timer interrupts it every few milliseconds. As among threads, that may be anywhere.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config.db import cooperative

SLICE_SECONDS = 0.005
PAUSE_SECONDS = 0.0005  # so that whatever has come meanwhile is next

_sliced: set[Any] = set()  # greenlets


@contextmanager
def sliced() -> Iterator[None]:
    """Let other requests run every few milliseconds within a block."""
    if not cooperative.is_patched():
        yield
        return
    from gevent import getcurrent

    if getcurrent() in _sliced:  # by a block around this one
        yield
        return
    if not _sliced:
        signal.signal(signal.SIGALRM, _pause)
        signal.setitimer(signal.ITIMER_REAL, SLICE_SECONDS, SLICE_SECONDS)
    _sliced.add(getcurrent())
    try:
        yield
    finally:
        _sliced.discard(getcurrent())
        if not _sliced:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _pause(number: int, frame: Any) -> None:
    gevent: Any = sys.modules["gevent"]
    if gevent.getcurrent() in _sliced:
        gevent.sleep(PAUSE_SECONDS)
