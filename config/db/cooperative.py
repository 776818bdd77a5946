"""Waiting in a greenlet, so that the others of its thread go on meanwhile.

For PostgreSQL psycopg waits by select.poll where gevent has patched it, which sets up more for each
wait than most statements take.
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait

Value = TypeVar("Value")


class TimedOut(Exception):
    """An operation has taken too long; what it was for may still happen."""


@cache
def is_patched() -> bool:
    """Return whether this process runs on greenlets, as the workers of `serve` do."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("select"))


def wait(operation: PQGen[Value], fileno: int, seconds: float | None) -> Value:
    """Wait for an operation on a connection; raise TimedOut when it takes longer."""
    from gevent import Timeout, get_hub

    hub = get_hub()
    try:
        wanted = next(operation)
        if wanted == Wait.W:  # a socket is writable, but after very much data
            wanted = operation.send(Ready.W)
        with Timeout(seconds, False):
            while True:
                hub.wait(
                    hub.loop.io(fileno, wanted, priority=hub.loop.MAXPRI)
                )  # libev numbers events as psycopg does
                wanted = operation.send(Ready(wanted))
    except StopIteration as result:
        value: Value = result.value
        return value
    raise TimedOut


def let_others_run(seconds: float) -> None:
    """Return once all other greenlets of this thread wait, but after some seconds at the latest."""
    if is_patched():
        from gevent import Timeout, get_hub

        hub = get_hub()
        with Timeout(seconds, False):
            hub.wait(hub.loop.idle())


def in_thread(function: Callable[..., Value], *arguments: Any) -> Value:
    """Call a function that blocks, as on a disk, in a thread of its own where there are greenlets.

    It must use nothing that gevent has patched.
    """
    if not is_patched():
        return function(*arguments)
    from gevent import get_hub
    from gevent.util import wrap_errors

    # What a thread raises gevent prints, with its traceback, before it is raised here.
    result: Value | Exception = get_hub().threadpool.apply(
        wrap_errors(Exception, function), arguments
    )
    if isinstance(result, Exception):
        raise result
    return result
