"""Fixtures of the tests of the dashboard API"""

import pytest

from analytics.events.models import Event
from tests.support.dashboard import NOW, NOW_MS, PATHS, event_at


@pytest.fixture(autouse=True)
def _now(clock):
    """Let it be NOW."""
    clock.set(NOW)


@pytest.fixture
def token(_now, token):
    """An access token of the user, issued just now."""
    return token


@pytest.fixture
def store(website):
    """Store events of the website, each as (milliseconds before NOW, fields)."""

    def store(*events):
        Event.objects.bulk_create(
            event_at(NOW_MS - ago_ms, **{"website_id": website.id} | fields)
            for ago_ms, fields in events
        )

    return store


@pytest.fixture
def ask(api, website, token):
    """Ask the dashboard of the website, as its owner."""

    def ask(name, *, as_token=token, **query):
        return api.get(PATHS[name], {"websiteId": str(website.id)} | query, token=as_token)

    return ask
