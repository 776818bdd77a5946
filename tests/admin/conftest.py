"""Fixtures of the tests of the admin"""

import pytest

from tests.support.events import AT_MS, store_event


@pytest.fixture
def make_event(website):
    """Store an event of the website, if of no other one."""

    def make(ms=AT_MS, **fields):
        return store_event(ms, **{"website_id": website.id} | fields)

    return make


@pytest.fixture
def make_events(make_event):
    """Store some events, a minute apart; return their ids, the newest first."""

    def make(count, **fields):
        made = [make_event(AT_MS + n * 60_000, **fields).pk for n in range(count)]
        return made[::-1]

    return make
