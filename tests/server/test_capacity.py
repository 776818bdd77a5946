"""Turns of lists that people read, which leave connections to ingest"""

import threading

import pytest

from analytics.reports.answers import current
from config.db.pool import Turns
from config.server.capacity import LISTS, Capacity
from tests.support.databases import failing
from tests.support.events import PATH, STORED, UNAVAILABLE, event_of
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

ACCOUNTS_UNAVAILABLE = {"error": "SERVICE_UNAVAILABLE", "message": "Storage is unavailable"}
DASHBOARD_UNAVAILABLE = {"error": "Event storage is unavailable"}


@pytest.fixture
def lists(api, website, token):
    """Read each list; return the response of each, and the body of one that gets no turn."""
    id = api.post(PATH, event_of(website)).json()["id"]
    code, key = website.tracking_code, website.id
    paths = {
        f"{PATH}?trackingCode={code}": UNAVAILABLE,
        f"{PATH}/{id}": UNAVAILABLE,
        "/api/v1/websites": ACCOUNTS_UNAVAILABLE,
    } | {
        f"/api/v1/dashboard/{name}?websiteId={key}": DASHBOARD_UNAVAILABLE
        for name in ("metrics", "pageviews", "top-pages", "referrers", "devices")
    }
    return lambda: [(api.get(path, token=token), body) for path, body in paths.items()]


def test_lists_that_get_no_turn_in_time_are_unavailable_and_posts_go_on(
    api, website, lists, staff_api, monkeypatch
):
    monkeypatch.setattr(Turns, "acquire", lambda self, *, timeout: False)
    for response, body in lists():
        assert_response(response, 503, body, {"Retry-After": "5"})
    page = staff_api.get("/admin/analytics/event/").content.decode()
    assert "The database does not answer" in page
    response = api.post(PATH, event_of(website))
    assert (response.status_code, response["X-Event-Outcome"]) == (201, STORED["X-Event-Outcome"])


def test_a_list_that_fails_leaves_its_turn_to_others(lists):
    with failing("analytics", "the analytics database is away"):
        for _ in range(LISTS.at_once):
            lists()
    assert {response.status_code for response, _ in lists()} == {200}


def test_the_more_wait_the_longer_a_turn_rests(clock, monkeypatch):
    rests, capacity = [], Capacity(at_once=1, seconds=5, crowd=4)

    class Timer:
        def __init__(self, seconds, function):
            rests.append(seconds)
            self.start = function

    monkeypatch.setattr(threading, "Timer", Timer)
    for waiting in (0, 2, 40, 1000):
        monkeypatch.setattr(Turns, "waiting", waiting)
        with capacity.bounded():
            clock.move(seconds=0.5)
    assert rests == pytest.approx([0.25, 5.0, 10.0])


def test_lists_and_statistics_do_not_wait_for_each_other(website, lists, monkeypatch):
    monkeypatch.setattr(LISTS, "seconds", 0.01)
    with LISTS.bounded(), LISTS.bounded(), current(website):
        assert {response.status_code for response, _ in lists()} == {503}
