"""Long computations beside the requests of a worker, whose greenlets share one thread."""

import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from config.db import cooperative

Value = TypeVar("Value")
THREADS = 2
NICENESS = 10


def compute(function: Callable[..., Value], *arguments: Any) -> Value:
    """Call a function, in a worker by another thread, in which it must not wait for anything."""
    if not cooperative.is_patched():
        return function(*arguments)
    value: Value = _pool().apply(_call_nicely, (function, arguments))
    return value


@cache
def _pool() -> Any:
    from gevent.threadpool import ThreadPool

    return ThreadPool(THREADS)


def _call_nicely(function: Callable[..., Value], arguments: tuple[Any, ...]) -> Value:
    if sys.platform == "linux":  # where each thread has a niceness: requests go first
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    return function(*arguments)
