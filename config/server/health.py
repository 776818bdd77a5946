"""Health checks of the databases, within two seconds even if a server never responds."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout

from django.db import DatabaseError, InterfaceError, connections

from config.db import deadline

TIMEOUT_SECONDS = 2
# One pool for each database: a database that hangs must not delay the check of the other one.
_pools = {
    alias: ThreadPoolExecutor(max_workers=4, thread_name_prefix=f"health-{alias}")
    for alias in connections
}


Check = Callable[[str], bool]
_checks: list[Check] = []


def check(is_well: Check) -> Check:
    """Register a check of whoever writes to databases, given an alias; a decorator."""
    _checks.append(is_well)
    return is_well


def check_databases(*aliases: str) -> dict[str, bool]:
    """Return for each database whether it takes writes in time; all are checked at once."""
    ends_at = time.monotonic() + TIMEOUT_SECONDS
    futures = {alias: _pools[alias].submit(takes_writes, alias) for alias in aliases}
    results = {}
    for alias, future in futures.items():
        try:
            results[alias] = future.result(timeout=max(0, ends_at - time.monotonic()))
        except FutureTimeout:
            future.cancel()  # it may still wait for a thread
            results[alias] = False
    return results


def takes_writes(alias: str) -> bool:
    """Return whether a database takes writes in time; this closes the connection of the thread."""
    try:
        with deadline.within(TIMEOUT_SECONDS):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT current_setting('transaction_read_only') = 'off'")
                [is_writable] = cursor.fetchone()
            return is_writable and all(is_well(alias) for is_well in _checks)
    except (DatabaseError, InterfaceError):
        return False
    finally:
        connections[alias].close()
