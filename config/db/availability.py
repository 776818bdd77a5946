"""Whether databases are away: a circuit breaker for each, in the workers of `serve`.

A database is away once a writer could not connect to it, or waited for its commit in vain for
WRITE_TIMEOUT_SECONDS and a quick probe fails then. Whoever else fails on a connection has it probed
for longer. From then on every use of it fails at once, until a probe has committed
something; one that is slow, but answers a probe within WRITE_TIMEOUT_SECONDS, is not away.
"""

import logging
import threading
import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connections

from config.db import deadline

logger = logging.getLogger(__name__)
PROBE_SECONDS = 0.5  # between two probes
QUICK_SECONDS = 0.5  # for the probe after a writer has waited in vain
# A commit that waits for the disk, and for standbys, as that of rows does; on a standby it fails.
PROBE = "SELECT pg_logical_emit_message(true, 'millrace', '')"

_is_watching = False
_away: dict[str, float] = {}  # aliases, and since when on time.monotonic()
_probed: set[str] = set()  # aliases that a thread probes now
_lock = threading.Lock()


class _Prober(threading.local):
    is_active = False


_prober = _Prober()


def watch() -> None:
    """Let databases be away in this process from now on."""
    global _is_watching
    _is_watching = True


def reset() -> None:
    """Forget all, as in a new process."""
    global _is_watching
    _is_watching = False
    _away.clear()


def is_watched() -> bool:
    """Return whether databases may be away in this process: then rows are spooled."""
    return _is_watching


def is_away(alias: str) -> bool:
    return alias in _away


def require(alias: str) -> None:
    """Raise OperationalError while a database is away; to a probe none is."""
    if alias in _away and not _prober.is_active:
        raise OperationalError(f"the database '{alias}' is away")


def report_failed_write(alias: str, error: Exception) -> None:
    """Take a database for away, until a probe succeeds, if this thread found nobody there.

    It has no connection now, and a quick probe, for which it waits, fails as well.
    """
    connection = connections[alias].connection
    if not _is_watching or (connection and not connection.closed):
        return
    if _failure(alias, QUICK_SECONDS):
        _open(alias, error)
        suspect(alias)


def suspect(alias: str) -> None:
    """Have a database probed, in another thread; a replica has no writes to be away for."""
    if not _is_watching or _prober.is_active or alias not in connections:
        return
    with _lock:
        if alias in _probed:
            return
        _probed.add(alias)
    threading.Thread(target=_probe, args=[alias], name=f"probe-{alias}", daemon=True).start()


def _open(alias: str, error: Exception) -> None:
    with _lock:
        if alias in _away:
            return
        _away[alias] = time.monotonic()
    logger.warning("The database '%s' is away; new rows are spooled meanwhile: %s", alias, error)


def _probe(alias: str) -> None:
    """Probe a database until it answers."""
    _prober.is_active = True
    try:
        while _is_watching and (error := _failure(alias, settings.WRITE_TIMEOUT_SECONDS)):
            _open(alias, error)
            time.sleep(PROBE_SECONDS)
    finally:
        with _lock:
            _probed.discard(alias)
            since = _away.pop(alias, None)
    if since is not None:
        seconds = time.monotonic() - since
        logger.warning("The database '%s' is back after %.1f seconds", alias, seconds)


def _failure(alias: str, seconds: float) -> Exception | None:
    """Return why a database commits nothing in time, None if it does."""
    connection: Any = connections[alias]
    try:
        with deadline.within(seconds), connection.cursor() as cursor:
            cursor.execute(PROBE)
    except (DatabaseError, InterfaceError) as error:
        return error
    finally:
        connection.close()
    return None
