"""Fixtures of the statistics' tests."""

from urllib.parse import urlencode

import pytest

from tests.support.events import BATCH_PATH, event_of
from tests.support.statistics import NOW
from websites import tokens


@pytest.fixture
def ask(api, website, user):
    """Ask for the statistics of the website, with these parameters."""

    def ask(parameters=(), *, path="stats", id=None, as_token=None):
        query = parameters if isinstance(parameters, str) else urlencode(parameters, doseq=True)
        return api.get(
            f"/api/v1/websites/{id or website.id}/{path}?{query}",
            token=as_token or tokens.issue(user).access,  # the clock may have moved
        )

    return ask


@pytest.fixture
def post(api, website):
    """Post events of the website, each with its time and fields, in one batch."""

    def post(*events, headers=None):
        sent = [
            event_of(website, timestamp=int(at.timestamp() * 1000), **fields)
            for at, fields in events
        ]
        response = api.post(BATCH_PATH, {"events": sent}, headers=headers)
        assert response.status_code == 201, response.content

    return post


@pytest.fixture
def at_now(clock):
    """The clock, standing at NOW."""
    clock.set(NOW)
    return clock
