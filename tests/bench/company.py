"""What posts lose beside others: slow clients, logins, pages of the admin"""

import contextlib
import http.client
import math
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from tests.bench.figures import ratio, row, times
from tests.bench.rates import Kind, kinds_of, post, rate
from tests.bench.subject import ADMIN, Subject
from tests.support.live_client import PASSWORD, send_request

SLOW_CLIENTS = 200
SECONDS = 14  # beside slow clients, each of which is refused after ten
TURNS = 2
HEAD = b"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"

Company = Callable[[Subject], AbstractContextManager[None]]


def measure(subject: Subject) -> None:
    """Load a server alone and in company in turn, and print the ratios."""
    singles = kinds_of(subject)[0]
    _compare(subject, singles, "200 slow clients", slow_clients, seconds=SECONDS)
    _compare(subject, singles, "a login a second", logins)
    _compare(subject, singles, "an admin page a second", admin_pages)


def _compare(
    subject: Subject, kind: Kind, name: str, company: Company, *, seconds: int = 5
) -> None:
    alone, beside = [], []
    for _ in range(TURNS):
        alone.append(post(subject, kind, seconds=seconds))
        with company(subject):
            beside.append(post(subject, kind, seconds=seconds))
    ratio(f"beside {name} / alone", rate(beside) / rate(alone), times(*beside))


@contextlib.contextmanager
def slow_clients(subject: Subject) -> Iterator[None]:
    """Let clients send a byte of their bodies a second; print what they got and /health/live."""
    clients = [socket.create_connection(("127.0.0.1", subject.port)) for _ in range(SLOW_CLIENTS)]
    for client in clients:
        client.sendall(HEAD)
    health: list[float] = []

    def ask() -> None:
        try:
            health.append(send_request(subject.port, "GET", "/health/live").seconds)
        except OSError:
            health.append(math.inf)  # a minute without an answer

    with _repeating(lambda: _send_byte(clients), seconds=1), _repeating(ask, seconds=0.1):
        yield
    statuses = Counter(map(_status, clients))
    row("  health check beside them, ms at most", max(health) * 1000)
    row("  of them refused with 408", statuses["408"], f"of {dict(statuses)}")


@contextlib.contextmanager
def logins(subject: Subject) -> Iterator[None]:
    """Let somebody log in every second."""
    account = {"email": "user0@example.com", "password": PASSWORD}
    with _repeating(
        lambda: send_request(subject.port, "POST", "/api/v1/auth/login", account), seconds=1
    ):
        yield


@contextlib.contextmanager
def admin_pages(subject: Subject) -> Iterator[None]:
    """Let somebody look at a list of the admin every second."""
    cookie = subject.session_of(ADMIN, subject.admin_password)

    def look() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", subject.port, timeout=30)
        connection.request("GET", "/admin/analytics/event/", headers={"Cookie": cookie})
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"The admin answered {response.status}.")
        response.read()
        connection.close()

    with _repeating(look, seconds=1):
        yield


@contextlib.contextmanager
def _repeating(act: Callable[[], object], *, seconds: float) -> Iterator[None]:
    """Do something again and again until a block ends."""
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(seconds):
            act()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _send_byte(clients: list[socket.socket]) -> None:
    for client in clients:
        with contextlib.suppress(OSError):  # it was refused and its connection closed
            client.send(b" ")


def _status(client: socket.socket) -> str:
    """Return the status that a client got, or what it got instead."""
    client.settimeout(0.1)
    try:
        received = client.recv(65536)
    except TimeoutError:
        return "nothing"
    except OSError:
        return "reset"
    finally:
        client.close()
    return received[9:12].decode() or "closed"
