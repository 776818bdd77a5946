"""Fixtures of the tests of the collect API"""

import pytest

from tests.support.collect import log_in


@pytest.fixture
def browser(api, user):
    """A client that is logged in as the user."""
    log_in(api)
    return api
