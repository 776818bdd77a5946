"""What all tests of the writer need"""

import pytest
from django.test import Client

from config import runtime
from websites import lookup


@pytest.fixture(autouse=True)
def _known_website(website):
    """Let no crowd of threads begin by asking the main database."""
    lookup.active_site(website.tracking_code)
    runtime.current()
    Client().get("/health/live")  # its metrics are registered once, by whoever comes first
