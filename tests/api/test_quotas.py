"""QUOTA_WEBSITE_EVENTS and QUOTA_ACTIVITY_EVENTS"""

from datetime import UTC, datetime

import pytest

from activity.models import ActivityEvent
from analytics.events.models import Event
from config.api.ratelimit_cache import LocalCache
from tests.support.events import BATCH_PATH, KILL_SWITCH, PATH, REJECTED, event_of
from tests.support.responses import assert_response
from tests.support.runtime_settings import change_settings

pytestmark = [
    pytest.mark.django_db(databases=["default", "analytics"]),
    pytest.mark.usefixtures("unrecorded"),
]

ACTIVITY_PATH = "/api/v1/activity/events"
LIMITED = {"error": "RATE_LIMITED", "message": "Too many requests"}


@pytest.fixture(autouse=True)
def _evening(clock):
    clock.set(datetime(2026, 11, 27, 23, 59, 18, tzinfo=UTC))


@pytest.fixture
def other_website(make_website, user):
    return make_website(user, "other.example")


def assert_limited(response, wait=42, body=LIMITED):
    assert_response(response, 429, body, REJECTED | {"Retry-After": str(wait)})


def test_a_website_has_so_many_events_in_a_utc_day(api, website, other_website, settings, clock):
    settings.QUOTA_WEBSITE_EVENTS = 3

    def post(site=website):
        return api.post(PATH, event_of(site))

    assert [post().status_code for _ in range(3)] == [201] * 3
    assert_limited(post())
    assert post(other_website).status_code == 201
    assert Event.objects.count() == 4
    clock.move(seconds=42)
    assert post().status_code == 201


def test_it_is_soon_that_the_operator_may_have_raised_it(api, website, settings, clock):
    settings.QUOTA_WEBSITE_EVENTS = 1
    clock.set(datetime(2026, 11, 27, 3, 0, tzinfo=UTC))
    api.post(PATH, event_of(website))
    assert_limited(api.post(PATH, event_of(website)), wait=3600)


def test_a_batch_costs_its_events_and_is_refused_as_a_whole(api, website, other_website, settings):
    settings.QUOTA_WEBSITE_EVENTS = 5

    def post(*events):
        return api.post(BATCH_PATH, {"events": events})

    good, other = event_of(website), event_of(other_website)
    invalid, unknown = event_of(website, url=""), good | {"trackingCode": "pm-nobody"}
    assert_limited(post(*[good] * 6))
    assert post(*[good] * 3, invalid, unknown, *[other] * 5).status_code == 207
    assert_limited(post(*[good] * 3))
    assert_limited(post(good, other))
    assert post(good).status_code == 201  # its event of the batch before counts
    assert_limited(api.post(PATH, good))
    assert Event.objects.count() == 9


def test_it_comes_after_the_website_and_before_the_switch(api, website, settings):
    settings.QUOTA_WEBSITE_EVENTS = 2
    change_settings(events_enabled="false")
    for wrong in (event_of(website, url=""), event_of(website, trackingCode="pm-nobody")):
        assert [api.post(PATH, wrong).status_code for _ in range(3)] in ([400] * 3, [404] * 3)
    assert api.post(PATH, event_of(website))["X-Event-Outcome"] == KILL_SWITCH["X-Event-Outcome"]
    assert api.post(BATCH_PATH, {"events": [event_of(website)]}).status_code == 201
    assert_limited(api.post(PATH, event_of(website)))
    assert_limited(api.post(BATCH_PATH, {"events": [event_of(website)]}))


def test_an_address_has_so_many_activity_events(api, settings):
    settings.QUOTA_ACTIVITY_EVENTS = 2

    def post(address, body=None):
        return api.post(ACTIVITY_PATH, body or {"type": "click"}, REMOTE_ADDR=address)

    assert post("2001:db8::1").status_code == 202
    assert post("2001:db8::2", {"type": ""}).status_code == 400  # which counts
    body = {"error": {"code": "RATE_LIMITED", "message": "Too many requests"}}
    assert_limited(post("2001:db8::3"), body=body)
    assert post("2001:db8:0:1::1").status_code == 202
    change_settings(activity_enabled="false")
    assert post("2001:db8::3").status_code == 503
    assert ActivityEvent.objects.count() == 2


def test_without_a_quota_nothing_is_counted_and_without_a_cache_all_pass(
    api, website, settings, monkeypatch
):
    calls = []

    def broken(*args, **kwargs):
        calls.append(args)
        raise ConnectionError

    monkeypatch.setattr(LocalCache, "consume", broken)
    requests = [(PATH, event_of(website)), (BATCH_PATH, {"events": [event_of(website)]})]
    requests.append((ACTIVITY_PATH, {"type": "click"}))
    assert [api.post(*each).status_code for each in requests] == [201, 201, 202]
    assert not calls
    settings.QUOTA_WEBSITE_EVENTS = settings.QUOTA_ACTIVITY_EVENTS = 1
    assert [api.post(*each).status_code for each in requests * 2] == [201, 201, 202] * 2
    assert len(calls) == 6
