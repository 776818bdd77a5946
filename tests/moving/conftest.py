"""Fixtures of the tests of exports and imports"""

from urllib.parse import urlencode

import pytest

from websites import tokens


@pytest.fixture
def copy(make_website, user):
    """Another website of the user, without events."""
    return make_website(user, "copy.example")


@pytest.fixture
def ask(api, website, user):
    """Ask for the statistics of the website, of February and March of 2026 by default."""

    def ask(query="", **parameters):
        usual = {"from": "2026-02-01", "to": "2026-03-31"} | parameters
        path = f"/api/v1/websites/{website.id}/stats?{urlencode(usual)}&{query}"
        return api.get(path, token=tokens.issue(user).access)

    return ask
