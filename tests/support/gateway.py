"""A server between browsers and the service: it hands requests on, or answers them itself"""

import http.client
import http.server
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from tests.support.processes import TIMEOUT_SECONDS

Answer = tuple[int, dict[str, str], bytes]
HOP_BY_HOP = {"host", "connection", "content-length", "transfer-encoding", "date", "server"}
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}


class Handler(http.server.BaseHTTPRequestHandler):
    """Lets its server answer, whatever the method."""

    protocol_version = "HTTP/1.1"
    server: "LocalServer"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.answer(self, body)
        if answer is None:
            self.close_connection = True
            return
        status, headers, content = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


class LocalServer(http.server.ThreadingHTTPServer, ABC):
    """A server of this machine that answers in the thread of each connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)

    @abstractmethod
    def answer(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> Answer | None:
        """Return status, headers and body; None to hang up."""

    def handle_error(self, *details: object) -> None:
        pass  # the browser hung up


@contextmanager
def running(server: LocalServer) -> Iterator[None]:
    """Serve for the time of a block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(slots=True)
class Sent:
    """One request of the script."""

    path: str
    body: bytes
    headers: Message
    at: float = field(default_factory=time.monotonic)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it carries."""
        value = json.loads(self.body)
        events: list[dict[str, Any]] = value.get("events", [value])
        return events


Reply = Callable[[Sent], Answer | None]


class Gateway(LocalServer):
    """Hands requests on to the service, unless a test answers them itself."""

    def __init__(self, service_port: int) -> None:
        super().__init__()
        self._service_port = service_port
        self.reset()

    def reset(self) -> None:
        """Be a plain gateway again, which has seen nothing."""
        self.sent: list[Sent] = []
        self.reply: Reply | None = None

    def reply_with(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer every event from now on like this."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.reply = lambda sent: (status, CORS | names, body)

    def hang_up(self) -> None:
        """Be away from now on, as far as events are concerned."""
        self.reply = lambda sent: None

    def come_back(self) -> None:
        self.reply = None

    def answer(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> Answer | None:
        if request.command == "POST":
            sent = Sent(request.path, body, request.headers)
            reply = self.reply  # as it was when the request came: a test may change it once it did
            self.sent.append(sent)
            if reply:
                return reply(sent)
        return self._forward(request, body)

    def _forward(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> Answer:
        address = ("127.0.0.1", self._service_port)
        service = http.client.HTTPConnection(*address, timeout=TIMEOUT_SECONDS)
        service.request(request.command, request.path, body, end_to_end(request.headers.items()))
        response = service.getresponse()
        content = response.read()
        service.close()
        return response.status, end_to_end(response.getheaders()), content


def end_to_end(headers: Any) -> dict[str, str]:
    """Return the headers that a proxy hands on."""
    return {name: value for name, value in headers if name.lower() not in HOP_BY_HOP}
