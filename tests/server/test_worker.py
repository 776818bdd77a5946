"""What a worker does beside one request: limits of connections, long computations"""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.live_client import send_request
from tests.support.processes import temporary_directory, wait_until
from tests.support.server import first_run_environment, serving
from tests.support.sockets import head, raw_clients

pytestmark = pytest.mark.slow

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
        environment = first_run_environment(path / "var") | {
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


def is_one_more_served(port, host):
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


def test_a_login_delays_nobody(server):
    account = {"email": "admin@example.com", "password": "correct horse"}
    with ThreadPoolExecutor() as pool:
        login = pool.submit(send_request, server.port, "POST", "/api/v1/auth/login", account)
        meanwhile = 0
        while not login.done():
            assert send_request(server.port, "GET", "/health/live").status == 200
            meanwhile += 1
    assert login.result().status == 200
    assert meanwhile > 5  # while the password was hashed
