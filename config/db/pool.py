"""Connections that the requests of a worker share: at most so many to each database.

A greenlet that serves a client may wait for that client for minutes, so it has no connection of
its own: it borrows one while a response is made. Writers and health checks have their own.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from django.conf import settings
from psycopg.pq import ConnStatus, TransactionStatus

from config.db import deadline

MAX_AGE_SECONDS = 60
IN_USE = "all connections are in use"

Connection = psycopg.Connection[Any]


class Turns:
    """A semaphore that serves those who wait in the order in which they came.

    That of threading lets whoever comes next go before them, so that under load some wait for ever.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting: deque[threading.Lock] = deque()  # released for the one whose turn it is
        self._changing = threading.Lock()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def acquire(self, *, timeout: float) -> bool:
        """Wait for a turn; return False when none came in time."""
        with self._changing:
            if self._free:
                self._free -= 1
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout):
            return True
        with self._changing:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # it came just now

    def release(self) -> None:
        """Give the turn to whoever waits longest."""
        with self._changing:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class Pool:
    """Connections to one database; while all of them are lent, borrowers wait."""

    def __init__(self, size: int) -> None:
        self._free = Turns(size)
        self._idle: list[tuple[Connection, float]] = []
        self._opened_at: dict[Connection, float] = {}  # of those that are lent

    def borrow(self, connect: Callable[[], Connection]) -> Connection:
        """Return a connection, by `connect` if none is idle; wait for it until the deadline.

        Raises OperationalError.
        """
        left = deadline.remaining()
        with deadline.waiting():
            if not self._free.acquire(
                timeout=settings.WRITE_TIMEOUT_SECONDS if left is None else left
            ):
                raise psycopg.OperationalError(IN_USE)
        try:
            connection, opened_at = self._usable_one() or (connect(), time.monotonic())
        except BaseException:
            self._free.release()
            raise
        self._opened_at[connection] = opened_at
        return connection

    def give_back(self, connection: Connection) -> None:
        """Take a connection back; close it if it is old, or within a transaction."""
        opened_at = self._opened_at.pop(connection)
        is_young = time.monotonic() - opened_at < MAX_AGE_SECONDS
        if is_young and connection.pgconn.transaction_status == TransactionStatus.IDLE:
            self._idle.append((connection, opened_at))
        else:
            connection.close()
        self._free.release()

    def close_idle(self) -> None:
        """Close the connections that are not lent."""
        while self._idle:
            self._idle.pop()[0].close()

    def _usable_one(self) -> tuple[Connection, float] | None:
        while self._idle:
            connection, opened_at = self._idle.pop()
            if is_open(connection):
                return connection, opened_at
            connection.close()
        return None


def is_open(connection: Connection) -> bool:
    """Return whether an idle connection is open as far as this end knows; sends nothing."""
    try:
        for _ in range(2):  # the server's last words, and then the end
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == ConnStatus.OK


class _Borrower(threading.local):
    """What a thread borrows from, and what it has to give back."""

    pools: "defaultdict[str, Pool] | None" = None
    lent: "list[Returnable]"


class Returnable(Protocol):
    """What holds a borrowed connection."""

    def close(self) -> None: ...


_borrower = _Borrower()


class Pools:
    """The pools of a worker, one for each database."""

    def __init__(self, size: int) -> None:
        self._by_alias: defaultdict[str, Pool] = defaultdict(lambda: Pool(size))

    @contextmanager
    def borrowing(self) -> Iterator[None]:
        """Let the code of this thread borrow its connections."""
        _borrower.pools, _borrower.lent = self._by_alias, []
        try:
            yield
        finally:
            give_back()
            _borrower.pools = None


def current(alias: str) -> Pool | None:
    """Return the pool from which this thread borrows, None where it has connections of its own."""
    return None if _borrower.pools is None else _borrower.pools[alias]


def remember(borrower: Returnable) -> None:
    """Let `give_back` close something that holds a borrowed connection."""
    _borrower.lent.append(borrower)


def give_back() -> None:
    """Give back all connections that this thread has borrowed."""
    if _borrower.pools is not None:
        while _borrower.lent:
            _borrower.lent.pop().close()
