"""The replica of the analytics database, from which statistics may be read

A read must see all that was committed before it began: whoever posts, then asks, counts the event.
So a block reads from the replica only once that has replayed what the primary had written by then;
where it does not get that far in time, or is away, the block reads from the primary.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.db.utils import ConnectionHandler
from prometheus_client import Counter

from config.db import deadline
from config.db.routers import ANALYTICS

logger = logging.getLogger(__name__)
REPLICA = "replica"
WAIT_SECONDS = 0.2  # for what the primary has written; to connect, too
PAUSE_SECONDS = 0.002
LATE_SECONDS = 1.0  # for which a replica that was late is not waited for again
RETRY_SECONDS = 10.0  # between two attempts while it is away
READS = Counter(
    "millrace_replica_reads",
    "Reads of statistics that might go to the replica, by where they went.",
    ["database"],
)
REPLAYED = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
BEHIND = """
    SELECT pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn())::bigint,
        extract(epoch FROM clock_timestamp()
            - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))::float8
"""

_retry_at = float("-inf")


class Lag(NamedTuple):
    """How far the replica is behind the primary."""

    bytes: int
    seconds: float


@contextmanager
def reading() -> Iterator[None]:
    """Let a block, which must not write, read the analytics database from its replica."""
    if not settings.ANALYTICS_REPLICA:
        yield
        return
    is_usable = _has_replayed()
    READS.labels(REPLICA if is_usable else "primary").inc()
    if not is_usable:
        yield
        return
    primary = connections[ANALYTICS]
    connections[ANALYTICS] = _connection()  # of this thread only
    try:
        yield
    finally:
        connections[ANALYTICS] = primary


def lag() -> Lag | None:
    """Return how far the replica is behind, None if it does not answer or is none."""
    try:
        with deadline.within(WAIT_SECONDS):
            size, seconds = _asked(BEHIND)
    except (DatabaseError, InterfaceError):
        return None
    finally:
        _connection().close()
    return None if size is None else Lag(max(size, 0), seconds if size > 0 else 0.0)


def reset() -> None:
    """Forget that it is away, and its connection, as in a new process."""
    global _retry_at
    _retry_at = float("-inf")
    if _replicas.cache_info().currsize:
        _connection().close()
        _replicas.cache_clear()


@cache
def _replicas() -> ConnectionHandler:
    """Return a handler of its own: what is done for each database is not done for a replica."""
    return ConnectionHandler({"default": {}, REPLICA: settings.ANALYTICS_REPLICA})


def _connection() -> Any:
    """Return the connection of this thread to the replica."""
    connections[REPLICA] = found = _replicas()[REPLICA]  # Django looks up each that is opened
    return found


def _has_replayed() -> bool:
    """Return whether the replica has all that the primary has written by now, or soon will."""
    global _retry_at
    if time.monotonic() < _retry_at:
        return False
    try:
        written = _written()
        ends_at = time.monotonic() + WAIT_SECONDS
        with deadline.within(WAIT_SECONDS):
            while not (is_there := _fetch(_connection(), REPLAYED, written)[0]):
                if is_there is None:
                    raise InterfaceError("it is no replica")
                if time.monotonic() >= ends_at:
                    _retry_at = time.monotonic() + LATE_SECONDS
                    return False
                time.sleep(PAUSE_SECONDS)
    except (DatabaseError, InterfaceError) as error:
        _connection().close()
        _retry_at = time.monotonic() + RETRY_SECONDS
        logger.warning("The replica is away; statistics are read from the primary: %s", error)
        return False
    return True


def _written() -> str:
    """Return up to where the primary has made its log durable: all that was acknowledged."""
    return str(_fetch(connections[ANALYTICS], "SELECT pg_current_wal_flush_lsn()::text")[0])


def _asked(query: str) -> tuple[Any, ...]:
    return _fetch(_connection(), query, _written())


def _fetch(connection: Any, query: str, *parameters: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        row: tuple[Any, ...] = cursor.fetchone()
        return row
