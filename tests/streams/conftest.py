"""Fixtures of the tests of streams"""

from datetime import timedelta

import pytest

from config.db import uuid7
from tests.support.events import store_event
from tests.support.retention import NOW


@pytest.fixture
def put_event(website):
    """Store an event of a time, as it may come from an imported archive, and return its id."""

    def put_event(at):
        ms = uuid7.to_ms(at)
        return store_event(ms, created_at=at, website_id=website.id, properties={"a": "é"}).pk

    return put_event


@pytest.fixture
def old_website(make_website, user):
    """A website that was there before all of these events."""
    return make_website(user, id=uuid7.new_id(uuid7.to_ms(NOW - timedelta(days=4000))))


@pytest.fixture
def put_events(old_website):
    """Store events of some times, of a website that exists unless another one is named."""

    def put_events(*times, website_id=old_website.id):
        for at in times:
            store_event(uuid7.to_ms(at), website_id=website_id)

    return put_events
