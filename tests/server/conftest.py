"""Servers that the tests of several files share."""

import pytest

from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.processes import temporary_directory
from tests.support.server import serving

REQUEST_SECONDS = 1


@pytest.fixture(scope="session")
def impatient_server():
    """A server for which a request must be whole within a second."""
    with temporary_directory() as path:
        environment = first_run_on_migrated_data(path / "var") | {
            "REQUEST_TIMEOUT_SECONDS": str(REQUEST_SECONDS),
            "ADMIN_PASSWORD": "correct horse",
            "RATE_SESSION": "1000/s",
        }
        with serving(environment) as server:
            yield server
