"""POST /api/analytics/collect: the quota of each user"""

from datetime import UTC, datetime
from functools import partial
from unittest.mock import Mock

import pytest

from config.api.errors import RateLimited
from config.api.ratelimit import Quota
from config.api.ratelimit_cache import LocalCache
from tests.support.api import Api
from tests.support.collect import EVENT, PATH, REJECTED, event, log_in, quota_of, stored_rows
from tests.support.redis_server import Redis
from tests.support.responses import assert_response, run_concurrently

pytestmark = [
    pytest.mark.django_db(databases=["default", "analytics"]),
]

NOW = 1_800_000_000  # when a window begins
END = NOW + 60


@pytest.fixture(autouse=True)
def _now(clock):
    clock.set(datetime.fromtimestamp(NOW, UTC))


def batch(client, size, good=True):
    return client.post(PATH, {"events": [event() if good else 5] * size})


def assert_limited(response, left, wait=60, limit=100):
    """Demand a 429 for a cost over the remaining quota."""
    body = {
        "error": f"Rate limit exceeded. Please try again in {wait} seconds.",
        "retryAfter": wait,
    }
    assert_response(response, 429, body, REJECTED | {"Retry-After": str(wait)})
    assert quota_of(response) == (limit, left, END)


def test_a_single_event_costs_one(browser):
    for left in range(99, -1, -1):
        response = browser.post(PATH, EVENT)
        assert (response.status_code, quota_of(response)) == (200, (100, left, END))
    assert_limited(browser.post(PATH, EVENT), left=0)
    assert len(stored_rows()) == 100


@pytest.mark.parametrize("good", [True, False])
def test_a_batch_costs_its_events_valid_or_not(browser, good):
    assert quota_of(batch(browser, 60, good)) == (100, 40, END)
    bare = browser.post(PATH, [event() if good else 5] * 40)
    assert (bare.status_code, quota_of(bare)) == (200, (100, 0, END))


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" + b"1," * 100 + b"1]", "application/json", 400),
        (b"[1, 2, 3]", "text/plain", 415),
        (b'{"event_type": 5}', "application/json", 400),
        (b'{"events": []}', "application/json", 400),
        (b'{"events": "x"}', "application/json", 400),
        (b'{"events": [' + b"1," * 100 + b"1]}", "application/json", 400),
        (b'{"events": [1, 2, 3]}', "text/plain", 415),
        (b"x" * 4_194_305, "application/json", 413),
    ],
)
def test_a_body_in_which_no_events_can_be_counted_costs_one(browser, body, content_type, status):
    response = browser.post_bytes(PATH, body, content_type)
    assert (response.status_code, quota_of(response)) == (status, (100, 99, END))


def test_an_exhausted_quota_is_checked_before_the_body(browser, settings):
    batch(browser, 100)
    for body, content_type in ((b"{", "application/json"), (b"x", "text/html")):
        assert_limited(browser.post_bytes(PATH, body, content_type), left=0)
    settings.MAX_BATCH_BODY_BYTES = 1
    assert_limited(browser.post_bytes(PATH, b"{}"), left=0)


def test_the_quota_is_checked_after_the_shape_and_before_the_fields(browser):
    batch(browser, 99)
    assert_limited(batch(browser, 2, good=False), left=1)
    assert_limited(browser.post(PATH, [5] * 2), left=1)
    too_long = batch(browser, 101)
    assert (too_long.status_code, quota_of(too_long)) == (400, (100, 0, END))


def test_requests_rejected_before_authentication_cost_nothing(browser):
    other = {"Origin": "https://evil.example"}
    refused = [browser.get(PATH), browser.post(PATH, EVENT, headers=other)]
    refused.append(Api().post(PATH, EVENT))
    assert [response.status_code for response in refused] == [405, 403, 403]
    assert not any("X-RateLimit-Limit" in response for response in refused)
    assert quota_of(browser.post(PATH, EVENT)) == (100, 99, END)


def test_users_count_separately_and_addresses_do_not_matter(browser, make_user):
    make_user("other@example.com")
    other, again = Api(), Api()
    log_in(other, "other@example.com")
    log_in(again)
    batch(browser, 100)
    assert quota_of(other.post(PATH, EVENT)) == (100, 99, END)
    assert_limited(again.post(PATH, EVENT, REMOTE_ADDR="192.0.2.7"), left=0)


@pytest.mark.parametrize(("seconds", "wait"), [(0.5, 60), (1, 59), (59, 1), (59.9, 1)])
def test_retry_after_is_the_rest_of_the_window(browser, clock, seconds, wait):
    batch(browser, 100)
    clock.move(seconds=seconds)
    assert_limited(browser.post(PATH, EVENT), left=0, wait=wait)


def test_the_next_window_starts_at_zero(browser, clock):
    batch(browser, 100)
    clock.move(seconds=60)
    response = batch(browser, 100)
    assert (response.status_code, quota_of(response)) == (200, (100, 0, END + 60))


def test_the_limit_is_a_setting(browser, settings):
    settings.RATE_COLLECT = "5/30s"
    response = batch(browser, 4)
    assert quota_of(response) == (5, 1, NOW + 30)
    assert batch(browser, 2).status_code == 429


def test_without_the_store_of_counters_requests_pass(browser, settings, caplog):
    settings.CACHES = {
        "default": {
            "BACKEND": "config.api.ratelimit_cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }
    for _ in range(3):
        response = batch(browser, 60)
        assert (response.status_code, quota_of(response)) == (200, (100, 100, END))
    assert "limits are not counted" in caplog.text


def test_a_cache_that_fails_within_a_request_lets_it_pass(browser, monkeypatch, caplog):
    monkeypatch.setattr("config.api.ratelimit_cache.LocalCache.consume", None)
    assert batch(browser, 60).status_code == 200
    assert "limits are not counted" in caplog.text


# With either cache


@pytest.fixture(scope="module")
def redis():
    with Redis() as server:
        yield server


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.slow)])
def store(request, settings):
    """Count in this store; return it if it is a server."""
    if request.param == "memory":
        return None
    server = request.getfixturevalue("redis")
    server.forget_all()
    backend = {"BACKEND": "config.api.ratelimit_cache.RedisCache", "LOCATION": server.url}
    settings.CACHES = {"default": backend}
    return server


def test_a_cost_over_the_quota_is_rejected_as_a_whole_and_consumes_nothing(browser, store):
    first = batch(browser, 60)
    assert (first.status_code, quota_of(first)) == (200, (100, 40, END))
    assert_limited(batch(browser, 60), left=40)
    third = batch(browser, 40)
    assert (third.status_code, quota_of(third)) == (200, (100, 0, END))
    assert len(stored_rows()) == 100
    assert_limited(browser.post(PATH, EVENT), left=0)


def spend_at_once(caller, *costs):
    """Return which of some costs fit that one caller spends at the same moment."""

    def spend(cost):
        try:
            Quota("RATE_COLLECT", caller).consume(cost)
        except RateLimited:
            return 0
        return cost

    return [cost for cost in run_concurrently(*(partial(spend, cost) for cost in costs)) if cost]


def test_concurrent_costs_are_rejected_only_over_the_quota(store):
    for caller in range(20):
        assert sorted(spend_at_once(caller, 60, 60, 40, 70)) in ([40, 60], [70])
        assert sum(spend_at_once(caller, *[1] * 20)) in (0, 20)
    assert sum(spend_at_once("many", *[3] * 40)) == 99


def test_a_counter_expires_after_its_window(store, monkeypatch):
    write = Mock(wraps=LocalCache.set)
    monkeypatch.setattr(LocalCache, "set", lambda self, *sent: write(self, *sent))
    Quota("RATE_COLLECT", "user").consume(1)
    if store:
        with store.client() as client:
            [key] = client.keys()
            assert 0 < client.ttl(key) <= 60
    else:
        [(_, _, used, timeout_seconds), _] = write.call_args
        assert (used, timeout_seconds) == (1, 60)


@pytest.mark.parametrize("store", [pytest.param("redis", marks=pytest.mark.slow)], indirect=True)
def test_while_redis_is_stopped_requests_pass_and_afterwards_are_counted_again(browser, store):
    batch(browser, 60)
    with store.stopped():
        assert quota_of(batch(browser, 60)) == (100, 100, END)
    assert quota_of(batch(browser, 60)) == (100, 40, END)
    assert_limited(batch(browser, 60), left=40)
