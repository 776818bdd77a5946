"""Delivery: each event arrives once, whatever happens to tabs, networks and servers"""

import json
import threading
from functools import partial
from uuid import UUID

import pytest

from tests.support.browser import NEEDS_BROWSER
from tests.support.processes import TIMEOUT_SECONDS, wait_until

pytestmark = NEEDS_BROWSER


def waiting(page):
    """Return the events that wait in the browser's storage, the oldest first."""
    return page.evaluate("""
        Object.keys(localStorage).filter(key => key.startsWith('pm_queue.')).sort()
            .map(key => JSON.parse(localStorage[key]))
    """)


def id_at(time):
    """Return a UUIDv7 of a time in milliseconds."""
    return str(UUID(int=time << 80 | 7 << 76 | 2 << 62))


def test_an_event_arrives_from_a_tab_that_is_closed_at_once(visit):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    page.evaluate("PivotMetrics.track('bought')")
    page.close()
    visit.wait_for("pageview", "bought")


def test_nothing_needs_beacons(visit):
    """Block lists stop requests of type ping, and say nothing."""
    visit.context.add_init_script("navigator.sendBeacon = () => true")
    visit.add_page("/")
    visit.add_page("/next")
    page = visit.open()
    visit.wait_for("pageview")
    page.evaluate("PivotMetrics.track('last words'); location.href = '/next'")
    visit.wait_for("pageview", "last words", "pageview")


def test_events_of_a_moment_share_a_request(visit):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    page.evaluate("['a', 'b', 'c'].forEach(name => PivotMetrics.track(name, {n: 1}))")
    rows = visit.wait_for("pageview", "a", "b", "c")
    assert [row.name for row in rows] == ["pageview", "a", "b", "c"]
    assert [sent.path for sent in visit.gateway.sent] == ["/api/v1/events", "/api/v1/events/batch"]


def test_events_wait_until_the_browser_is_online_again(visit):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    visit.context.set_offline(True)
    page.evaluate("PivotMetrics.track('a')")
    wait_until(lambda: waiting(page))
    page.evaluate("PivotMetrics.track('b')")
    page.wait_for_timeout(300)
    assert visit.names() == ["pageview"]
    visit.context.set_offline(False)
    rows = visit.wait_for("pageview", "a", "b")
    assert [row.name for row in rows] == ["pageview", "a", "b"]
    wait_until(lambda: not waiting(page))


def test_events_wait_for_a_server_that_is_away(visit):
    visit.add_page("/")
    page = visit.open_with_stopped_clock()
    visit.gateway.hang_up()
    page.evaluate("PivotMetrics.track('a')")
    page.clock.run_for(100)
    wait_until(lambda: len(visit.gateway.sent) >= 2)
    page.wait_for_timeout(100)
    page.evaluate("PivotMetrics.track('b')")
    visit.gateway.come_back()
    page.clock.run_for(5100)
    visit.wait_for("pageview", "a", "b")


def sent_requests(visit, count):
    return len(visit.gateway.sent) == count


def test_tries_become_rarer(visit):
    visit.add_page("/")
    page = visit.open_with_stopped_clock()
    visit.gateway.reply_with(503)
    page.evaluate("PivotMetrics.track('a')")
    page.clock.run_for(100)
    for tries, seconds in enumerate([5, 10, 20, 40, 80, 160, 300, 300], start=2):
        wait_until(partial(sent_requests, visit, tries))
        page.wait_for_timeout(100)
        page.clock.run_for((seconds - 1) * 1000)
        page.wait_for_timeout(50)
        assert len(visit.gateway.sent) == tries
        page.clock.run_for(1000)
    visit.gateway.come_back()
    page.evaluate("PivotMetrics.flush()")
    visit.wait_for("pageview", "a")


def test_a_page_sends_what_another_one_could_not(visit):
    visit.add_page("/")
    visit.add_page("/next")
    page = visit.open()
    visit.wait_for("pageview")
    visit.gateway.hang_up()
    page.evaluate("PivotMetrics.track('a')")
    wait_until(lambda: len(visit.gateway.sent) >= 2)
    page.close()
    visit.gateway.come_back()
    visit.open("/next")
    visit.wait_for("pageview", "a", "pageview")


@pytest.mark.parametrize("after", ["60", "Wed, 21 Oct 2037 07:28:00 GMT", "-1", "nonsense", None])
def test_it_waits_as_long_as_the_server_asks_for(visit, after):
    visit.add_page("/")
    page = visit.open_with_stopped_clock()
    visit.gateway.reply_with(429, **({"Retry_After": after} if after else {}))
    page.evaluate("PivotMetrics.track('a')")
    page.clock.run_for(100)
    wait_until(lambda: len(visit.gateway.sent) == 2)
    page.wait_for_timeout(100)
    visit.gateway.come_back()
    seconds = 60 if after == "60" else 5
    page.clock.run_for((seconds - 1) * 1000)
    page.wait_for_timeout(100)
    assert visit.names() == ["pageview"]
    page.clock.run_for(1100)
    visit.wait_for("pageview", "a")


@pytest.mark.parametrize("days", [-2, -0.9, 0.9, 2, 9000])
def test_a_clock_that_is_wrong_by_days_loses_nothing(visit, days):
    visit.add_page("/")
    visit.context.add_init_script(f"""
        const now = Date.now.bind(Date);
        Date.now = () => now() + {days} * 864e5;
    """)
    page = visit.open()
    visit.wait_for("pageview")
    page.evaluate("['a', 'b'].forEach(name => PivotMetrics.track(name))")
    visit.wait_for("pageview", "a", "b")
    bodies = [sent.events[0] for sent in visit.gateway.sent]
    is_refused = days > 1
    assert ["id" in event for event in bodies] == [True, False] * 2 if is_refused else [True] * 2
    assert ["timestamp" in event for event in bodies] == ["id" in event for event in bodies]


def test_two_tabs_send_what_was_left_once(visit):
    visit.add_page("/")
    first, second = visit.open(), visit.open()
    visit.wait_for("pageview", "pageview")
    visit.context.set_offline(True)
    first.evaluate("PivotMetrics.track('a')")
    second.evaluate("PivotMetrics.track('b')")
    first.wait_for_timeout(300)
    visit.context.set_offline(False)
    rows = visit.wait_for("pageview", "pageview", "a", "b")
    assert len({row.session for row in rows}) == len({row.visitor for row in rows}) == 1


def test_items_that_failed_are_sent_once_more(visit):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    errors = [
        {"index": 0, "error": "VALIDATION_ERROR", "message": "Invalid event data"},
        {"index": 1, "error": "PROCESSING_ERROR", "message": "Event could not be stored"},
        {"index": 2, "error": "NOT_FOUND", "message": "Website not found"},
    ]
    visit.gateway.reply_with(207, json.dumps({"errors": errors}).encode())
    page.evaluate("['a', 'b', 'c', 'd'].forEach(name => PivotMetrics.track(name))")
    wait_until(lambda: len(visit.gateway.sent) == 3)
    page.wait_for_timeout(300)
    _, first, again = visit.gateway.sent
    assert [event["properties"]["name"] for event in first.events] == ["a", "b", "c", "d"]
    assert [event["properties"]["name"] for event in again.events] == ["a", "b"]
    assert [("id" in event, "timestamp" in event) for event in again.events] == [
        (False, False),
        (True, True),
    ]


@pytest.mark.parametrize(
    ("status", "body", "requests"),
    [
        (200, b"<!doctype html><title>Log in to the Wi-Fi</title>", 1),
        (207, b"<!doctype html>", 1),
        (207, b'{"errors": null}', 1),
        (207, b'{"errors": [null, {"index": 99, "error": "VALIDATION_ERROR"}]}', 1),
        (400, b"<!doctype html>", 2),
        (403, b"", 1),
        (404, b"{}", 1),
        (413, b"", 1),
    ],
)
def test_no_answer_reaches_the_page(visit, status, body, requests):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    visit.gateway.reply_with(status, body)
    page.evaluate("['a', 'b'].forEach(name => PivotMetrics.track(name))")
    wait_until(lambda: len(visit.gateway.sent) == 1 + requests)
    page.evaluate("PivotMetrics.flush()")
    page.wait_for_timeout(200)
    assert len(visit.gateway.sent) == 1 + requests
    assert waiting(page) == []


def test_the_queue_is_bounded(visit):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    visit.context.set_offline(True)
    page.evaluate("for (let i = 0; i < 150; i++) PivotMetrics.track('n' + i)")
    names = [event["properties"]["name"] for event in waiting(page)]
    assert names == [f"n{i}" for i in range(50, 150)]
    page.evaluate("for (let i = 0; i < 20; i++) PivotMetrics.track('big', {text: 'é'.repeat(4e3)})")
    assert (
        sum(len(json.dumps(event, ensure_ascii=False).encode()) for event in waiting(page))
        <= 62_000
    )
    visit.context.set_offline(False)
    wait_until(lambda: not waiting(page))
    assert visit.names().count("big") == 7


def test_what_is_a_day_old_is_dropped(visit):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    [event] = visit.gateway.sent[0].events
    times = [event["timestamp"] - hours * 3_600_000 for hours in (25, 23)]
    for time in times:
        old = event | {"eventType": "click", "timestamp": time, "id": id_at(time)}
        page.evaluate("old => { localStorage['pm_queue.' + old.id] = JSON.stringify(old) }", old)
    page.evaluate("PivotMetrics.track('new')")
    visit.wait_for("pageview", "click", "new")


@pytest.mark.parametrize("junk", ["", "{", "null", "5", '"x"', "[null]", '[5, "x", {}, []]', "{}"])
def test_anything_may_stand_in_the_queue(visit, junk):
    visit.add_page("/")
    visit.context.add_init_script(f"localStorage['pm_queue.1'] ??= {json.dumps(junk)}")
    page = visit.open()
    page.evaluate("PivotMetrics.track('a')")
    visit.wait_for("pageview", "a")
    wait_until(lambda: page.evaluate("localStorage['pm_queue.1']") is None)


def test_tabs_that_write_at_once_lose_no_event_of_each_other(visit):
    """Tabs of different processes see each other's writes late."""
    visit.add_page("/")
    tabs = [visit.open(), visit.open()]
    visit.wait_for("pageview", "pageview")
    visit.context.set_offline(True)
    for number in range(20):
        for tab in tabs:
            tab.evaluate(f"PivotMetrics.track('n{number}')")
    for tab in tabs:
        tab.close()
    visit.context.set_offline(False)
    visit.open()
    names = [f"n{number}" for number in range(20)]
    visit.wait_for("pageview", "pageview", "pageview", *names, *names)


def test_an_event_that_is_too_large_is_dropped_alone(visit):
    visit.add_page("/")
    page = visit.open()
    page.evaluate("""() => {
        PivotMetrics.track('large', {text: 'é'.repeat(4985)});
        PivotMetrics.track('too large', {text: 'é'.repeat(5000)});
    }""")
    visit.wait_for("pageview", "large")


def test_flush_tells_when_all_is_sent(visit):
    visit.add_page("/")
    page = visit.open()
    page.evaluate("async () => { PivotMetrics.track('a'); await PivotMetrics.flush() }")
    assert sorted(visit.names()) == ["a", "pageview"]
    visit.gateway.hang_up()
    page.evaluate("async () => { PivotMetrics.track('b'); await PivotMetrics.flush() }")
    visit.gateway.come_back()
    page.evaluate("PivotMetrics.flush()")
    visit.wait_for("pageview", "a", "b")


def test_a_server_that_never_answers_is_given_up(visit):
    visit.context.add_init_script("""
        const timeout = AbortSignal.timeout;
        AbortSignal.timeout = ms => timeout.call(AbortSignal, ms / 100);
    """)
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    is_over = threading.Event()
    visit.gateway.reply = lambda sent: is_over.wait(TIMEOUT_SECONDS) and None
    try:
        page.evaluate("async () => { PivotMetrics.track('a'); await PivotMetrics.flush() }")
        visit.gateway.come_back()
        page.evaluate("PivotMetrics.flush()")
        visit.wait_for("pageview", "a")
    finally:
        is_over.set()


def test_beacons_take_what_the_browser_refuses_to_fetch(visit):
    visit.context.add_init_script("""
        const fetch = window.fetch;
        window.fetch = (...values) =>
            document.hidden ? Promise.reject(new TypeError('refused')) : fetch(...values);
    """)
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    with page.expect_request(lambda request: request.resource_type == "ping"):
        page.evaluate("""() => {
            PivotMetrics.track('a');
            Object.defineProperty(document, 'hidden', {value: true});
            dispatchEvent(new Event('visibilitychange'));
        }""")
    visit.wait_for("pageview", "a")
