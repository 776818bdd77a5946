"""Clients that wait for lists, a thousand at once, in one thread that takes next to no time"""

import heapq
import random
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.support.sockets import head

RETRY_SECONDS = 5  # of Retry-After
POLL_SECONDS = 0.05
READ_BYTES = 262_144


class Reader:
    """A connection over which one list is asked for again and again."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self._request, self._received = request, b""

    def ask(self) -> None:
        self._received = b""
        self.socket.sendall(self._request)

    def receive(self) -> int | None:
        """Take what has come; return the status once the response is whole."""
        data = self.socket.recv(READ_BYTES)
        assert data, "the server has closed a connection"
        self._received += data
        fields, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = int(fields.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return int(fields.split(b" ", 2)[1]) if len(body) >= length else None


class Readers:
    """Each asks again as soon as its list has come, or after the Retry-After of a 503."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self.statuses: Counter[int] = Counter()
        self.cpu_seconds = 0.0
        self._readers = [Reader(port, request) for request in requests]
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int]] = []  # when which one asks next
        self._is_over = threading.Event()

    def run(self) -> None:
        """Ask until the end; they come one after the other."""
        for number in range(len(self._readers)):
            self._ask_after(random.uniform(0, RETRY_SECONDS), number)
        while not self._is_over.is_set():
            while self._due and self._due[0][0] <= time.monotonic():
                _, number = heapq.heappop(self._due)
                self._readers[number].ask()
                self._selector.register(self._readers[number].socket, selectors.EVENT_READ, number)
            for key, _ in self._selector.select(POLL_SECONDS):
                self._receive(key.data)
            self.cpu_seconds = time.thread_time()

    def _receive(self, number: int) -> None:
        reader = self._readers[number]
        status = reader.receive()
        if status is not None:
            self.statuses[status] += 1
            self._selector.unregister(reader.socket)
            self._ask_after(RETRY_SECONDS if status == 503 else 0, number)

    def _ask_after(self, seconds: float, number: int) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, number))

    def end(self) -> None:
        """Let `run` return."""
        self._is_over.set()

    def close(self) -> None:
        for reader in self._readers:
            reader.socket.close()
        self._selector.close()


@contextmanager
def reading_lists(port: int, paths: Sequence[str], **headers: str) -> Iterator[Readers]:
    """Let one client for each path ask for it all the time."""
    readers = Readers(port, [head("GET", path, **headers) for path in paths])
    thread = threading.Thread(target=readers.run)
    thread.start()
    try:
        yield readers
    finally:
        readers.end()
        thread.join()
        readers.close()
