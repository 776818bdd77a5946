"""What a worker does beside one request: limits of connections, long computations"""

import os
import resource
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.server.worker import OTHER_FILES
from tests.support.live_client import send_request
from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.processes import temporary_directory, wait_until
from tests.support.server import serving
from tests.support.sockets import head, raw_clients

pytestmark = pytest.mark.slow

EVENTS = "/api/v1/events"
MOST = 5


def other_address():
    """Return an address of this machine that is not its loopback, None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return probe.getsockname()[0]


@pytest.fixture(scope="module")
def server():
    with temporary_directory() as path:
        environment = first_run_on_migrated_data(path / "var") | {
            "HOST": "0.0.0.0",
            "ALLOWED_HOSTS": "*",
            "MAX_CONNECTIONS_PER_ADDRESS": str(MOST),
            "ADMIN_PASSWORD": "correct horse",
        }
        with serving(environment) as server:
            yield server


def is_served(client):
    try:
        client.send(head("GET", "/health/live"))
        return client.answer().status == 200
    except (AssertionError, OSError):
        return False


def is_one_more_served(port, host="127.0.0.1"):
    with raw_clients(port, 1, host) as [client]:
        return is_served(client)


def test_an_address_has_so_many_connections_and_no_more(server):
    host = other_address()
    if host is None:
        pytest.skip("This machine has no address beside its loopback.")
    with raw_clients(server.port, MOST, host) as clients:
        assert all(map(is_served, clients))
        assert not is_one_more_served(server.port, host)
        assert all(map(is_served, clients))
        clients[0].close()
        wait_until(lambda: is_one_more_served(server.port, host))


def test_this_machine_has_as_many_as_it_likes(server):
    with raw_clients(server.port, 3 * MOST) as clients:
        assert all(map(is_served, clients))


@pytest.fixture(scope="module")
def small_server():
    """A server whose worker may open few files."""
    with temporary_directory() as path, serving(first_run_on_migrated_data(path / "var")) as server:
        files = OTHER_FILES + MOST
        resource.prlimit(server.parent, resource.RLIMIT_NOFILE, (files, files))
        [worker] = server.workers
        os.kill(worker, signal.SIGKILL)  # the next one inherits the limit
        wait_until(lambda: is_one_more_served(server.port))
        yield server


@pytest.mark.parametrize("sent", [b"", b"POST /api", head("POST", EVENTS, Content_Length="9")])
def test_of_too_many_connections_those_that_wait_longest_are_closed(small_server, sent):
    with raw_clients(small_server.port, 4 * MOST) as clients:
        for client in clients:
            client.send(sent)
            assert is_one_more_served(small_server.port)
        closed = [client.has_answer for client in clients]
    assert sum(closed) >= 3 * MOST
    assert all(closed[: 2 * MOST])  # later ones may change places on their way in
    assert not all(closed[-MOST:])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/auth/login", {"email": "admin@example.com", "password": "correct horse"}),
        ("GET", "/api/schema/", None),  # whose first request takes a second
    ],
)
def test_what_takes_long_delays_nobody(server, method, path, body):
    with ThreadPoolExecutor() as pool:
        long = pool.submit(send_request, server.port, method, path, body)
        meanwhile = 0
        while not long.done():
            assert send_request(server.port, "GET", "/health/live").status == 200
            meanwhile += 1
    assert long.result().status == 200
    assert meanwhile > 5
