"""Health checks of the databases, within two seconds even if a server never responds."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Protocol

from django.db import DatabaseError, InterfaceError, connections

from config.db import deadline

TIMEOUT_SECONDS = 2
# A thread for each database, with a connection that it keeps: a probe opens none, waits for none of
# those that requests share, and a database that hangs does not delay the check of the other one.
_threads = {
    alias: ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"health-{alias}")
    for alias in connections
}


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What the journal of this host holds."""

    rows: int = 0
    bytes: int = 0
    oldest_seconds: int | None = None
    files_aside: int = 0


class Spool(Protocol):
    """What takes new rows while a database is away."""

    def state(self) -> SpoolState: ...
    def takes_rows_of(self, alias: str) -> bool: ...


Check = Callable[[str], bool]
_spools: list[Spool] = []
_checks: list[Check] = []


def check(is_well: Check) -> Check:
    """Register a check of whoever writes to databases, given an alias; a decorator."""
    _checks.append(is_well)
    return is_well


def use_spool(spool: Spool) -> None:
    """Register what takes new rows while a database is away."""
    _spools[:] = [spool]


def spool_state() -> SpoolState:
    return _spools[0].state()


def is_spooling(alias: str) -> bool:
    """Return whether new rows of a database that takes no writes are spooled."""
    return _spools[0].takes_rows_of(alias)


def check_databases(*aliases: str) -> dict[str, bool]:
    """Return for each database whether it takes writes in time; all are checked at once."""
    ends_at = time.monotonic() + TIMEOUT_SECONDS
    futures = {alias: _threads[alias].submit(takes_writes, alias) for alias in aliases}
    results = {}
    for alias, future in futures.items():
        try:
            results[alias] = future.result(timeout=max(0, ends_at - time.monotonic()))
        except FutureTimeout:
            future.cancel()  # it may still wait for the one before
            results[alias] = False
    return results


def takes_writes(alias: str) -> bool:
    """Return whether a database takes writes in time, by the connection of this thread.

    One that is broken, or a minute old, is replaced, so that a server that is back is found, and
    after a failover the primary.
    """
    connection = connections[alias]
    is_writable = False
    try:
        with deadline.within(TIMEOUT_SECONDS):
            connection.close_if_unusable_or_obsolete()  # and ask the server before it is used
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('transaction_read_only') = 'off'")
                [is_writable] = cursor.fetchone()
            return is_writable and all(is_well(alias) for is_well in _checks)
    except (DatabaseError, InterfaceError):
        return False
    finally:
        if not is_writable:
            connection.close()


def reset() -> None:
    """Close the connections."""
    for alias, thread in _threads.items():
        thread.submit(_close, alias).result(TIMEOUT_SECONDS)


def _close(alias: str) -> None:
    connections[alias].close()  # which belongs to the thread
