"""Servers that the tests of several files share."""

import pytest

from tests.support.processes import temporary_directory
from tests.support.server import first_run_environment, serving

REQUEST_SECONDS = 1


@pytest.fixture(scope="session")
def impatient_server():
    """A server for which a request must be whole within a second."""
    with temporary_directory() as path:
        environment = first_run_environment(path / "var") | {
            "REQUEST_TIMEOUT_SECONDS": str(REQUEST_SECONDS),
            "ADMIN_PASSWORD": "correct horse",
            "RATE_SESSION": "1000/s",
        }
        with serving(environment) as server:
            yield server
