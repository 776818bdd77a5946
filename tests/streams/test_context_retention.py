"""`manage.py retention`: client contexts go with the events of their websites"""

import pytest

from analytics.events.models import ClientContext
from analytics.streams import partitions
from analytics.streams.partitions import Month
from config.db import uuid7
from tests.support.cleanup import drop_partitions
from tests.support.client_contexts import BROWSER
from tests.support.events import PATH, event_of
from tests.support.retention import (
    NOW,
    OLD,
    RECENT,
    keep_days,
    run_retention,
    stored_times,
    table_line,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)


@pytest.fixture(autouse=True)
def _months(clock):
    clock.set(NOW)
    for month in Month(2030, 11).until(Month(2031, 2)):
        partitions.create(ClientContext, month)
    yield
    drop_partitions()


@pytest.fixture
def post_events(api):
    """Post an event of a session of its own at each of some times, as a browser does."""

    def post(website, *times):
        for at in times:
            ms = uuid7.to_ms(at)
            event = event_of(website, timestamp=ms, sessionId=f"sess-{ms}")
            assert api.post(PATH, event, headers=BROWSER).status_code == 201

    return post


def context_times():
    return stored_times(ClientContext)


def test_contexts_are_kept_for_the_days_of_events(post_events, old_website):
    post_events(old_website, *OLD, *RECENT)
    assert context_times() == [*OLD, *RECENT]
    keep_days(event=60)
    lines = run_retention("--dry-run")
    assert table_line("clientcontext", lines) == (5, 2, 0)
    assert table_line("clientcontext", run_retention()) == (5, 2, 0)
    assert context_times() == stored_times() == RECENT


def test_contexts_of_a_deleted_website_go_whatever_their_age(
    post_events, old_website, make_website, user
):
    deleted = make_website(user, "gone.example", id=uuid7.new_id(uuid7.to_ms(OLD[0])))
    post_events(deleted, *RECENT)
    post_events(old_website, RECENT[0])
    deleted.delete()
    assert table_line("clientcontext", run_retention()) == (4, 0, 1)
    assert context_times() == stored_times() == [RECENT[0]]
