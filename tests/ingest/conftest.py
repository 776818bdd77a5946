"""What all tests of the writer need"""

import pytest

from config import runtime
from tests.support.api import Api
from websites import lookup


@pytest.fixture(autouse=True)
def _known_website(website):
    """Let no crowd of threads begin by asking the main database."""
    lookup.active_site(website.tracking_code)
    runtime.current()
    Api().get("/health/live")  # its metrics are registered once, by whoever comes first
