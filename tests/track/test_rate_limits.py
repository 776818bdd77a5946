"""Rate limits of visitors: of sessions and page views, and of the addresses behind them"""

from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest

from analytics.sessions.models import PageView, Session
from config.api.ratelimit_cache import LocalCache
from tests.support.redis_server import Redis
from tests.support.responses import assert_response
from tests.support.sessions import (
    AT,
    NO_ID,
    PAGE_VIEW,
    SESSION,
    TOO_LONG,
    assert_error,
    assert_ok,
    assert_rate_limited,
    assert_stored,
    dropped_header,
    leave,
    page_view_of,
    session_of,
    session_path,
    session_use,
    switch,
)

pytestmark = [
    pytest.mark.django_db(databases=["default", "analytics"]),
    pytest.mark.usefixtures("now"),
]

ADDRESS, OTHER = "192.0.2.1", "198.51.100.7"
WINDOW = 60  # AT is when a minute begins
names = (f"name-{n}" for n in count())


def view(api, session_id, **more):
    return api.post(PAGE_VIEW, page_view_of(session_id), **more)


def leave_page(api, id, **more):
    return leave(api, id, {"duration": 1}, **more)


def heartbeat(api, id, **more):
    return api.patch(session_path(id, "heartbeat"), **more)


def begin(api, user_agent, **more):
    return api.post(SESSION, session_of(), headers={"User-Agent": user_agent}, **more)


# What each counts, its limit, that of an address, and the length of the window
KINDS = [
    pytest.param(view, 30, 600, 60, id="page views of a session"),
    pytest.param(leave_page, 10, 200, 60, id="leaves of a page view"),
    pytest.param(heartbeat, 5, 100, 30, id="heartbeats of a session"),
    pytest.param(begin, 10, 200, 60, id="sessions of a User-Agent"),
]
NAMED = pytest.mark.parametrize(("send", "limit", "ceiling", "seconds"), KINDS)


def statuses(send, api, number, name=None, **more):
    """Return the statuses of requests under one name, or else each under its own."""
    return {send(api, name or next(names), **more).status_code for _ in range(number)}


@NAMED
def test_over_the_limit_of_one_name_requests_are_rejected(api, send, limit, ceiling, seconds):
    assert statuses(send, api, limit, "mine") == {200}
    assert_rate_limited(send(api, "mine"), seconds)
    assert send(api, "another").status_code == 200


@NAMED
def test_over_the_ceiling_of_an_address_names_make_no_difference(
    api, send, limit, ceiling, seconds
):
    assert statuses(send, api, ceiling) == {200}
    assert_rate_limited(send(api, next(names)), seconds)
    assert send(api, next(names), REMOTE_ADDR=OTHER).status_code == 200


@NAMED
def test_the_next_window_starts_at_zero(api, clock, send, limit, ceiling, seconds):
    clock.move(seconds=0.4)
    assert statuses(send, api, limit + 1, "mine") == {200, 429}
    clock.move(seconds=seconds - 1)
    assert_rate_limited(send(api, "mine"), 1)
    clock.move(seconds=0.6)
    assert statuses(send, api, limit, "mine") == {200}


@pytest.fixture
def once(settings):
    """Allow one request a minute of each kind, and twenty of an address."""
    settings.RATE_PAGEVIEW = settings.RATE_SESSION = "1/m"
    settings.RATE_LEAVE = settings.RATE_HEARTBEAT = "1/m"


EACH = pytest.mark.parametrize("send", [view, leave_page, heartbeat, begin])
NOT_OF_ADDRESSES = pytest.mark.parametrize("send", [view, leave_page, heartbeat])


@EACH
@pytest.mark.usefixtures("once")
def test_requests_that_a_name_may_not_send_count_at_the_address(api, send):
    assert [send(api, "mine").status_code for _ in range(20)] == [200] + [429] * 19
    assert_rate_limited(send(api, "another"), WINDOW)


@EACH
@pytest.mark.usefixtures("once")
def test_the_ceiling_is_that_of_a_network_of_ipv6(api, send):
    for n in range(20):
        assert send(api, next(names), REMOTE_ADDR=f"2001:db8::{n:x}").status_code == 200
    assert_rate_limited(send(api, next(names), REMOTE_ADDR="2001:db8::ffff:1"), WINDOW)
    assert send(api, next(names), REMOTE_ADDR="2001:db8:0:1::1").status_code == 200


@NOT_OF_ADDRESSES
@pytest.mark.usefixtures("once")
def test_a_name_has_one_limit_from_all_addresses(api, send):
    statuses = [send(api, "mine", REMOTE_ADDR=each).status_code for each in (ADDRESS, OTHER)]
    assert statuses == [200, 429]


@pytest.mark.usefixtures("once")
def test_a_user_agent_has_a_limit_for_each_address(api):
    for address in (ADDRESS, OTHER):
        statuses = [begin(api, "Mine/1.0", REMOTE_ADDR=address).status_code for _ in range(2)]
        assert statuses == [200, 429]


@pytest.mark.parametrize("name", ["😀" * 5000, "a b\tc", "ü" * 300, "%00", "' OR 1=1 --"])
@NOT_OF_ADDRESSES
@pytest.mark.usefixtures("once")
def test_a_name_may_be_any_text(api, send, name):
    assert [send(api, name).status_code for _ in range(2)] == [200, 429]
    assert send(api, f"{name}x").status_code == 200


@pytest.mark.parametrize("user_agent", ["", "x" * 8000, "Mözilla/5.0", "\xff\xfe"])
@pytest.mark.usefixtures("once")
def test_a_user_agent_may_be_any_bytes(api, user_agent):
    assert [begin(api, user_agent).status_code for _ in range(2)] == [200, 429]


# Page views, whose session is in the body


@pytest.mark.usefixtures("once")
def test_the_limit_of_a_session_comes_after_its_fields(api, session_id):
    for body in (b"{", b'{"sessionId": 5}', b'{"sessionId": "%s"}' % session_id.encode()):
        assert_status(api.post_bytes(PAGE_VIEW, body), 400)
    assert_stored(view(api, session_id))
    assert_status(api.post(PAGE_VIEW, {"sessionId": session_id}), 400)
    assert_rate_limited(view(api, session_id), WINDOW)
    assert PageView.objects.count() == 1


@pytest.mark.usefixtures("once")
def test_the_ceiling_of_an_address_comes_before_its_bodies(api, session_id):
    for _ in range(20):
        assert_status(api.post_bytes(PAGE_VIEW, b"{"), 400)
    assert_rate_limited(api.post_bytes(PAGE_VIEW, b"{"), WINDOW)
    assert_rate_limited(view(api, session_id), WINDOW)
    assert not PageView.objects.exists()


@pytest.mark.usefixtures("once")
def test_the_limit_of_a_session_comes_before_the_switch(api, session_id):
    switch("false")
    assert_response(view(api, session_id), 200, NO_ID, dropped_header("kill_switch"))
    assert_rate_limited(view(api, session_id), WINDOW)


@pytest.mark.usefixtures("once")
def test_a_session_counts_as_it_is_sent(api, session_id):
    assert_stored(view(api, session_id))
    assert_stored(view(api, session_id.upper()))
    assert_rate_limited(view(api, session_id), WINDOW)


@pytest.mark.usefixtures("once")
def test_the_ceiling_comes_before_the_body(api):
    for _ in range(20):
        assert_error(api.post_bytes(PAGE_VIEW, b"x" * TOO_LONG, "text/html"), 413)
    assert_rate_limited(api.post_bytes(PAGE_VIEW, b"x" * TOO_LONG, "text/html"), WINDOW)


# Paths with an id


def test_patch_and_post_of_leave_share_a_limit(api, page_view):
    for n in range(10):
        method = ("PATCH", "POST")[n % 2]
        headers = {"X-Forwarded-For": f"192.0.2.{n}"}  # of a stranger, without effect
        assert_ok(leave(api, page_view.pk, {"duration": 1}, method, headers=headers))
    for method in ("PATCH", "POST"):
        response = leave(api, page_view.pk, {"duration": 2}, method)
        assert_rate_limited(response, WINDOW)
    page_view.refresh_from_db()
    assert page_view.duration_seconds == 1


@pytest.mark.parametrize("send", [leave_page, heartbeat])
@pytest.mark.usefixtures("once")
def test_an_id_in_upper_case_is_no_other(api, send):
    id = str(uuid4())
    assert [send(api, each).status_code for each in (id, id.upper())] == [200, 429]


def test_a_heartbeat_over_the_limit_changes_nothing(api, session, clock):
    for _ in range(5):
        assert_ok(heartbeat(api, session.pk))
    clock.set(AT + timedelta(seconds=29))
    assert_rate_limited(heartbeat(api, session.pk), 1)
    assert session_use(session) == (0, AT, None)


@pytest.mark.parametrize("send", [leave_page, heartbeat])
@pytest.mark.usefixtures("once")
def test_the_limit_of_an_id_comes_before_the_body(api, send):
    assert send(api, "mine").status_code == 200
    too_long = {"CONTENT_LENGTH": str(TOO_LONG)}
    assert_rate_limited(send(api, "mine", **too_long), WINDOW)


# Sessions


def test_sessions_count_whatever_becomes_of_them(api):
    for body in ({}, session_of(visitorId=5), {"visitorId": "x"}, *[session_of()] * 7):
        assert api.post(SESSION, body).status_code in (200, 400)
    assert_rate_limited(api.post(SESSION, session_of()), WINDOW)
    assert Session.objects.count() == 7


@pytest.mark.usefixtures("once")
def test_the_limit_of_sessions_comes_before_the_body(api):
    assert_error(api.post_bytes(SESSION, b"x" * TOO_LONG, "text/html"), 413)
    assert_rate_limited(api.post_bytes(SESSION, b"x" * TOO_LONG, "text/html"), WINDOW)


# Requests that do not count


@pytest.mark.parametrize(
    "path", [SESSION, PAGE_VIEW, f"{PAGE_VIEW}/x/leave", f"{SESSION}/x/heartbeat"]
)
@pytest.mark.usefixtures("once")
def test_unknown_paths_and_methods_do_not_count(api, path):
    for _ in range(21):
        assert_status(api.get(path), 405)
        assert_status(api.post(f"{path}/"), 404)
    method = "POST" if path in (SESSION, PAGE_VIEW) else "PATCH"
    assert api.generic(method, path, b"{}", "text/plain").status_code in (200, 400)


# The cache


def test_the_cache_holds_neither_names_nor_addresses(api, monkeypatch):
    entries = {}
    write = LocalCache.set

    def record(self, key, value, timeout):
        entries[key] = timeout
        write(self, key, value, timeout)

    monkeypatch.setattr(LocalCache, "set", record)
    send_all(api)
    assert len(entries) == 8
    assert max(map(len, entries)) < 50
    assert not any(private in repr(entries) for private in ("my-name", ADDRESS))
    assert {*entries.values()} == {30, 60}  # no longer than the window


@pytest.mark.usefixtures("once")
def test_what_the_ceiling_rejects_makes_no_counter(api, monkeypatch):
    statuses(leave_page, api, 20)
    monkeypatch.setattr(LocalCache, "set", None)
    assert statuses(leave_page, api, 5) == {429}


def send_all(api):
    """Return the responses to one request of each kind."""
    return [
        send(api, "my-name", REMOTE_ADDR=ADDRESS) for send in (view, leave_page, heartbeat, begin)
    ]


@pytest.mark.usefixtures("once")
def test_without_the_cache_requests_pass(api, settings, caplog):
    settings.CACHES = {
        "default": {
            "BACKEND": "config.api.ratelimit_cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }
    for _ in range(2):
        assert {response.status_code for response in send_all(api)} == {200}
    assert caplog.text.count("limits are not counted") == 1


@pytest.mark.slow
@pytest.mark.parametrize(("send", "limit", "ceiling", "seconds"), KINDS)
def test_redis_counts_names_and_addresses(api, settings, send, limit, ceiling, seconds):
    with Redis() as server:
        backend = {"BACKEND": "config.api.ratelimit_cache.RedisCache", "LOCATION": server.url}
        settings.CACHES = {"default": backend}
        assert statuses(send, api, limit, "mine") == {200}
        assert_rate_limited(send(api, "mine"), seconds)
        assert statuses(send, api, ceiling - limit - 1) == {200}
        assert_rate_limited(send(api, next(names)), seconds)
        with server.client() as client:
            assert {0 < client.ttl(key) <= seconds for key in client.scan_iter()} == {True}


def assert_status(response, status):
    assert response.status_code == status
