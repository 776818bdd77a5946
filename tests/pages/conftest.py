"""A browser by Django's client"""

import pytest
from django.test import Client


@pytest.fixture
def browser(user):
    """A browser in which the owner is logged in."""
    client = Client()
    client.force_login(user)
    return client
