"""Health checks of the databases, within two seconds even if a server never responds."""

import time
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


def check_databases(*aliases: str) -> dict[str, bool]:
    """Return for each database whether it responds in time; all are checked at once."""
    ends_at = time.monotonic() + TIMEOUT_SECONDS
    futures = {alias: _pools[alias].submit(responds, alias) for alias in aliases}
    results = {}
    for alias, future in futures.items():
        try:
            results[alias] = future.result(timeout=max(0, ends_at - time.monotonic()))
        except FutureTimeout:
            future.cancel()  # it may still wait for a thread
            results[alias] = False
    return results


def responds(alias: str) -> bool:
    """Return whether a database responds in time; this closes the connection of the thread."""
    try:
        with deadline.within(TIMEOUT_SECONDS), connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return False
    finally:
        connections[alias].close()
    return True
