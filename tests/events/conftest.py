"""Fixtures of the tests of the events API"""

import pytest

from config.db import uuid7
from tests.support.events import AT_MS, BATCH_PATH, NOW_MS, PATH, event_of


@pytest.fixture
def batch(api):
    """Post events."""
    return lambda *events: api.post(BATCH_PATH, {"events": events})


@pytest.fixture
def other_website(make_website, make_user):
    return make_website(make_user("other@example.com"), "other.example")


@pytest.fixture
def list_events(api, website):
    """List the website's events."""
    return lambda **query: api.get(PATH, {"trackingCode": website.tracking_code} | query)


@pytest.fixture
def make_events(api, website):
    """Store events a second apart, and return their ids, the newest first."""

    def make(count, **changes):
        times = [AT_MS + 1000 * n for n in range(count)]
        events = [event_of(website, timestamp=ms, **changes) for ms in times]
        body = api.post(BATCH_PATH, {"events": events}).json()
        return [event["id"] for event in reversed(body["events"])]

    return make


@pytest.fixture
def now(clock):
    """Let it be NOW."""
    clock.set(uuid7.from_ms(NOW_MS))
