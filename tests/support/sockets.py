"""Clients that write to their socket what they like, when they like"""

import json
import re
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.processes import TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, as its bytes came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """A connection to a server on this machine."""

    def __init__(self, port: int, host: str) -> None:
        self.opened_at = time.monotonic()
        self.socket = socket.create_connection((host, port), TIMEOUT_SECONDS)
        self._stream = self.socket.makefile("rb")

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def answer(self, *, to_head: bool = False) -> Answer:
        """Return the next response."""
        status_line = self._stream.readline()
        assert status_line.startswith(b"HTTP/1."), status_line
        headers = {}
        while (line := self._stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        length = 0 if to_head else int(headers.get("content-length", 0))
        return Answer(int(status_line.split()[1]), headers, self._stream.read(length))

    def rest(self) -> bytes:
        """Return all that comes until the server closes."""
        return self._stream.read()

    @property
    def has_answer(self) -> bool:
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self) -> None:
        self._stream.close()
        self.socket.close()


@contextmanager
def raw_clients(port: int, count: int, host: str = "127.0.0.1") -> Iterator[list[RawClient]]:
    """Open connections for the time of a block."""
    clients: list[RawClient] = []
    try:
        for _ in range(count):
            clients.append(RawClient(port, host))
        yield clients
    finally:
        for client in clients:
            client.close()


def head(method: str, target: str, **headers: str | bytes) -> bytes:
    """Return the head of a request; `_` in the name of a header stands for `-`."""
    fields = {"Host": "127.0.0.1"} | {re.sub("_", "-", name): v for name, v in headers.items()}
    lines = [f"{method} {target} HTTP/1.1".encode()]
    for name, value in fields.items():
        raw = value if isinstance(value, bytes) else value.encode()
        lines.append(name.encode() + b": " + raw)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def post(target: str, body: Any, **headers: str | bytes) -> bytes:
    """Return a whole POST of a JSON body."""
    content = json.dumps(body).encode()
    fields = {"Content_Type": "application/json", "Content_Length": str(len(content))} | headers
    return head("POST", target, **fields) + content
