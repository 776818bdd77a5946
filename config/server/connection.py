"""One client's connection: requests are read until a deadline, responses sent in few packets.

The parser is gunicorn's. Its parent process imports this too, so nothing here may import Django:
a worker patches the standard library for gevent before it does.
"""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from gevent import Timeout, getcurrent, sleep
from gevent.socket import SHUT_WR, socket
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.util import unquote_to_wsgi_str

MAX_TARGET_BYTES = 65_536
MAX_HEAD_BYTES = 65_536
REST_OF_LINE = len("OPTIONS  HTTP/1.1")
MAX_SKIPPED_BYTES = 65_536  # of a body that the response does not need: then the connection stays
READ_BYTES = 4096  # at once, but for bodies; parsing many small chunks takes its square
MAX_LATE_READS = 16
SEND_SECONDS = 10  # for each piece of a response
PIECE_BYTES = 65_536
LINGER_SECONDS = 2
MAX_LINGER_BYTES = 16_777_216

BODILESS = ("204", "304")
CONSTANTS = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",  # Django reads X-Forwarded-Proto
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}

Headers = Sequence[tuple[str, str]]
Waiting = dict[Any, bool]  # greenlets that wait for a client; whether no request has begun


class Reader(SocketUnreader):
    """The bytes that a client sends. Waiting for them ends at a deadline, with TimeoutError."""

    def __init__(self, client: socket, waiting: Waiting) -> None:
        super().__init__(client, max_chunk=READ_BYTES)
        self._waiting = waiting
        self._ends_at = 0.0
        self._late_reads = 0
        self._is_idle = True
        self.expects_continue = False

    def has_more(self, idle_seconds: float, request_seconds: float) -> bool:
        """Wait for the first bytes of a request; from then on all of it must come in time.

        Return False when the client sends no more.
        """
        data = self.take_buffered()
        if data:  # requests that came all at once: let others run before each
            sleep(0)
        else:
            self._ends_at, self._is_idle = time.monotonic() + idle_seconds, True
            data = self.chunk()
        self._ends_at, self._is_idle = time.monotonic() + request_seconds, False
        self._late_reads = 0
        self.unread(data)
        return bool(data)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes; an end within a request is a ConnectionError."""
        if not self._is_idle:
            sleep(0)  # a client that sends quickly never lets us wait, nor others run
        self.sock.settimeout(self._seconds_left())
        if self.expects_continue:
            self.expects_continue = False
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        data: bytes = self.wait_for(super().chunk, size_hint)
        if not data and not self._is_idle:
            raise ConnectionAbortedError("The client has closed the connection.")
        return data

    def _seconds_left(self) -> float:
        """Return how long to wait; what came in time is read though a view asks for it too late."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            self._late_reads += 1
            if self._late_reads > MAX_LATE_READS:
                raise TimeoutError
        return max(left, 0.001)

    def wait_for(self, operation: Callable[[Any], Any], argument: Any) -> Any:
        """Call what may wait for the client: when there are too many, it is ended."""
        greenlet = getcurrent()
        self._waiting[greenlet] = self._is_idle
        try:
            return operation(argument)
        finally:
            del self._waiting[greenlet]


class LimitedRequest(Request):
    """A request whose target and headers are of bounded size, without gunicorn's smaller limits."""

    _expected_100_continue: bool

    def parse(self, unreader: Reader) -> bytes:
        self.limit_request_line = MAX_TARGET_BYTES + REST_OF_LINE
        self.limit_request_field_size = self.max_buffer_headers = MAX_HEAD_BYTES
        unused: bytes = super().parse(unreader)
        return unused

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        if len(data) > MAX_HEAD_BYTES:
            raise LimitRequestHeaders("headers are too large")
        headers: list[tuple[str, str]] = super().parse_headers(data, from_trailer=from_trailer)
        return headers

    def defer_continue(self) -> None:
        """Let the body be asked for only when it is read, and not when it has come already."""
        self.unreader.expects_continue = self._expected_100_continue
        self._expected_100_continue = False

    def environ(self, client: Any, server: Any) -> dict[str, Any]:
        """Return the environment of WSGI, given the addresses of both sides."""
        fields: dict[str, list[str]] = {}
        for name, value in self.headers:
            fields.setdefault(name.replace("-", "_"), []).append(value)
        environ = CONSTANTS | {
            f"HTTP_{name}": ("; " if name == "COOKIE" else ",").join(values)
            for name, values in fields.items()
        }
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if name in fields:
                environ[name] = environ.pop(f"HTTP_{name}")
        return environ | {
            "REQUEST_METHOD": self.method,
            "PATH_INFO": unquote_to_wsgi_str(self.path),
            "QUERY_STRING": self.query,
            "SERVER_PROTOCOL": f"HTTP/{self.version[0]}.{self.version[1]}",
            "REMOTE_ADDR": client[0] if isinstance(client, tuple) else "",
            "SERVER_NAME": server[0],
            "SERVER_PORT": str(server[1]),
            "wsgi.input": Input(self.body),
        }

    def can_be_skipped(self) -> bool:
        """Return whether what is left of the body, if anything, is small and on its way."""
        if self.body.failed:
            return False
        reader = self.body.reader
        if not isinstance(reader, LengthReader):
            return reader.parser is None
        most = 0 if self.unreader.expects_continue else MAX_SKIPPED_BYTES
        return bool(reader.length <= most)


class Requests(RequestParser):
    """The requests of a connection, one after another."""

    mesg_class = LimitedRequest
    unreader: Reader

    def __init__(self, cfg: Any, client: socket, address: Any, waiting: Waiting) -> None:
        super().__init__(cfg, client, address)
        self.unreader = Reader(client, waiting)


class Input:
    """wsgi.input: the body. Whatever is wrong with its framing is an OSError."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.has_timed_out = False

    def read(self, size: int | None = None) -> bytes:
        return self._call(self._body.read, size)

    def readline(self, size: int | None = None) -> bytes:
        return self._call(self._body.readline, size)

    def _call(self, read: Any, size: int | None) -> bytes:
        try:
            data: bytes = read(size)
        except TimeoutError:
            self.has_timed_out = True
            raise
        except ParseException as error:
            raise ConnectionError(str(error)) from error
        return data


class Response:
    """The response to one request, whose head is sent together with the first bytes of its body."""

    def __init__(self, request: LimitedRequest, client: socket) -> None:
        self._request = request
        self._client = client
        self._head = ""
        self._has_body = self._is_chunked = False
        self.closes = bool(request.should_close())

    def start(self, status: str, headers: Headers, exc_info: Any = None) -> None:
        """Take status and headers: start_response of WSGI."""
        has_length = any(name.lower() == "content-length" for name, _ in headers)
        self._has_body = self._request.method != "HEAD" and status[:3] not in BODILESS
        if self._has_body and not has_length:
            self._is_chunked = self._request.version >= (1, 1)
            self.closes |= not self._is_chunked
        lines = [f"{name}: {value}" for name, value in headers]
        if self._is_chunked:
            lines.append("Transfer-Encoding: chunked")
        self._head = f"HTTP/1.1 {status}\r\nDate: {http_date(int(time.time()))}\r\n"
        self._head += "\r\n".join(lines) + "\r\nConnection: "

    def send(self, body: Iterable[bytes]) -> None:
        """Send all of the response."""
        self._client.settimeout(SEND_SECONDS)
        connection = "close" if self.closes else "keep-alive"
        unsent = f"{self._head}{connection}\r\n\r\n".encode("latin-1")
        for data in filter(None, body) if self._has_body else ():
            self._send(unsent + (b"%X\r\n%b\r\n" % (len(data), data) if self._is_chunked else data))
            unsent = b""
        self._send(unsent + (b"0\r\n\r\n" if self._is_chunked else b""))

    def _send(self, data: bytes) -> None:
        unsent = memoryview(data)
        for start in range(0, len(unsent), PIECE_BYTES):
            piece = unsent[start : start + PIECE_BYTES]
            self._request.unreader.wait_for(self._client.sendall, piece)


@lru_cache(1)
def http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def refuse(client: socket, error: ParseException) -> None:
    """Answer a request that cannot be read, by a bare status."""
    status = "400 Bad Request"
    if isinstance(error, LimitRequestLine):
        status = "414 URI Too Long"
    elif isinstance(error, LimitRequestHeaders):
        status = "431 Request Header Fields Too Large"
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    client.settimeout(SEND_SECONDS)
    client.sendall(head.encode())


def linger(client: socket) -> None:
    """Tell the client that nothing more comes, and read what it still sends, for a while.

    A connection that is closed with unread bytes is reset, and the response may be lost.
    """
    with suppress(OSError), Timeout(LINGER_SECONDS, False):
        client.shutdown(SHUT_WR)
        client.settimeout(None)
        left = MAX_LINGER_BYTES
        while left > 0 and (data := client.recv(PIECE_BYTES)):
            left -= len(data)
