"""Fixtures of the tests of the track API"""

import json

import pytest

from tests.support.events import AT
from tests.support.funnel import PATH, STORED, TRACKED, stored_rows
from tests.support.responses import assert_response
from tests.support.session_rows import store_page_view, store_session
from tests.support.sessions import SESSION as SESSIONS
from tests.support.sessions import assert_stored, session_of


@pytest.fixture
def page_view(session):
    return store_page_view(session)


@pytest.fixture
def now(clock):
    """Let it be AT."""
    clock.set(AT)


@pytest.fixture
def session_id(api, clock):
    """The id of a stored session that began at AT."""
    clock.set(AT)
    return str(assert_stored(api.post(SESSIONS, session_of())))


@pytest.fixture
def session():
    return store_session()


@pytest.fixture
def tracked(user, token, api):
    """Send a body that must be stored, and return its row."""

    def send(body, **more):
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        assert_response(api.post_bytes(PATH, sent, token=token, **more), 200, TRACKED, STORED)
        [(user_id, *row)] = stored_rows()
        assert user_id == user.id
        return row

    return send
