"""Guard of the disk of the embedded PostgreSQL: nothing is taken in while too little is left.

PostgreSQL panics when it cannot write its log, and cannot recover before there is room. What is
left when intake stops is for the groups under way, checkpoints, and for whoever deletes something.
"""

import logging
import shutil
import threading
import time
from pathlib import Path

from django.conf import settings

from config.api.errors import StorageUnavailable
from config.server import health
from config.server.console import size

logger = logging.getLogger(__name__)
CHECK_SECONDS = 1.0
RESERVE_SHARE = 16  # of the file system
LEAST_RESERVE, MOST_RESERVE = 64_000_000, 256_000_000
RECOVERY = 1.25  # times the reserve, so that intake does not stop and start all the time

_is_low = False


class DiskFull(StorageUnavailable):
    """The disk has too little room, for the journal of this host too."""


def start() -> None:
    """Watch the disk from now on, if the server on it is ours."""
    if settings.EMBEDDED:
        look()
        threading.Thread(target=_run, name="disk-guard", daemon=True).start()


def is_low() -> bool:
    """Return what the last look found."""
    return _is_low


def require_room() -> None:
    """Raise DiskFull while there is too little room."""
    if _is_low:
        raise DiskFull


@health.check
def has_room(alias: str) -> bool:
    """Return whether the disk of the databases has room, as the last look found."""
    return not _is_low


def look() -> bool:
    """Look how much room there is; return whether that is too little."""
    global _is_low
    if not settings.EMBEDDED:
        return False
    try:
        usage = shutil.disk_usage(directory())
    except OSError as error:
        logger.warning("The free space of %s is not known: %s", directory(), error)
        return _is_low
    reserve = reserve_bytes(usage.total)
    was_low, _is_low = _is_low, usage.free < reserve * (RECOVERY if _is_low else 1)
    if _is_low and not was_low:
        logger.warning(
            "The disk of %s is full: with %s left nothing is taken in, so that PostgreSQL can go"
            " on. It takes in again by itself at %s.",
            *(directory(), size(usage.free), size(reserve * RECOVERY)),
        )
    elif was_low and not _is_low:
        logger.warning("The disk of %s has room: %s.", directory(), size(usage.free))
    return _is_low


def directory() -> Path:
    """Return where the data of the embedded server are."""
    return Path(settings.VAR_DIR, "postgres")


def reserve_bytes(total: int) -> int:
    """Return how much of a file system of so many bytes stays free."""
    return max(LEAST_RESERVE, min(total // RESERVE_SHARE, MOST_RESERVE))


def reset() -> None:
    """Forget what was found, as in a new process."""
    global _is_low
    _is_low = False


def _run() -> None:
    while True:
        time.sleep(CHECK_SECONDS)
        look()
