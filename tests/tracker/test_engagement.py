"""Sessions and engagement: how long a visit lasts, and how much of it was attention"""

import time
from typing import Any

import pytest

from tests.support.browser import NEEDS_BROWSER
from tests.support.processes import wait_until

pytestmark = NEEDS_BROWSER
HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    dispatchEvent(new Event('visibilitychange'));
}"""
MINUTE = 60_000


@pytest.fixture
def page(visit):
    """A page of 2,000 pixels in a window of 720, whose clock the test moves."""
    visit.add_page("/", "<p style='height: 1984px'>", head="<style>body {margin: 8px}</style>")
    visit.site.pages["/"] = visit.site.pages["/"].replace("</style>", f"</style>{visit.script()}")
    # What is to come is not in the future.
    return visit.open_with_stopped_clock(at=time.time() - 2 * 86_400)


def engagement(visit, count=1):
    """Wait for so many rows of engagement; return the properties of each."""
    found: list[Any] = []

    def are_there():
        found[:] = [row for row in visit.rows() if row.name == "$engagement"]
        return len(found) >= count

    wait_until(are_there, seconds=15)
    assert len(found) == count
    return [row.properties for row in found]


def test_a_page_that_is_hidden_tells_how_long_it_was_in_use(visit, page):
    page.clock.run_for(5_000)
    page.evaluate(HIDE, True)
    [properties] = engagement(visit)
    [view] = [row for row in visit.rows() if row.name == "pageview"]
    assert properties == {"name": "$engagement", "seconds": 5, "scroll": 36, "page": view.id}


def test_time_out_of_sight_does_not_count(visit, page):
    page.clock.run_for(5_000)
    page.evaluate(HIDE, True)
    engagement(visit)
    page.clock.run_for(MINUTE)
    page.evaluate(HIDE, False)
    page.clock.run_for(4_000)
    page.evaluate(HIDE, True)
    assert [each["seconds"] for each in engagement(visit, 2)] == [5, 9]


def test_less_than_a_second_or_three_more_is_not_sent(visit, page):
    page.clock.run_for(500)
    page.evaluate(HIDE, True)
    page.evaluate(HIDE, False)
    page.clock.run_for(1_000)
    page.evaluate(HIDE, True)
    page.evaluate(HIDE, False)
    page.clock.run_for(2_000)
    page.evaluate(HIDE, True)
    page.evaluate("PivotMetrics.track('end')")
    page.clock.run_for(100)
    visit.wait_for("pageview", "end")
    [properties] = engagement(visit)
    assert properties["seconds"] == 2  # of 1.6


def test_scrolling_deeper_is_sent_too(visit, page):
    page.clock.run_for(2_000)
    page.evaluate(HIDE, True)
    engagement(visit)
    page.evaluate(HIDE, False)
    page.evaluate("scrollTo(0, 600)")
    page.clock.run_for(100)
    page.evaluate("scrollTo(0, 0)")
    page.clock.run_for(100)
    page.evaluate(HIDE, True)
    assert [each["scroll"] for each in engagement(visit, 2)] == [36, 65]


def test_a_route_change_ends_the_engagement_with_a_page(visit, page):
    page.clock.run_for(5_000)
    page.evaluate("history.pushState({}, '', '/next')")
    page.clock.run_for(3_000)
    page.evaluate(HIDE, True)
    engagement(visit, 2)
    rows = [row for row in visit.rows() if row.name == "$engagement"]
    assert [(row.path, row.properties["seconds"]) for row in rows] == [("/", 5), ("/next", 3)]
    assert rows[0].properties["page"] != rows[1].properties["page"]


def test_without_input_attention_ends_after_half_an_hour(visit, page):
    page.clock.run_for(20 * MINUTE)
    page.keyboard.press("Shift")
    page.clock.run_for(50 * MINUTE)
    page.keyboard.press("Shift")
    page.clock.run_for(MINUTE)
    page.evaluate(HIDE, True)
    assert [each["seconds"] for each in engagement(visit)] == [(20 + 30 + 1) * 60]


def test_a_session_ends_after_half_an_hour_without_an_event(visit, page):
    page.clock.run_for(29 * MINUTE)
    page.evaluate("PivotMetrics.track('a')")
    page.clock.run_for(31 * MINUTE)
    page.evaluate("history.pushState({}, '', '/next')")
    page.clock.run_for(1_000)
    first, event, second = visit.wait_for("pageview", "a", "pageview")
    assert first.session == event.session != second.session
    assert first.visitor == second.visitor
    assert second.properties["screen"] == "1280x720"
    engagement(visit)
    [sent] = [row for row in visit.rows() if row.name == "$engagement"]
    assert (sent.session, sent.path) == (first.session, "/")


def test_a_session_lasts_a_day_at_most(visit, page):
    for _ in range(25 * 3):
        page.clock.run_for(20 * MINUTE)
        page.evaluate("PivotMetrics.track('a')")
    page.clock.run_for(1_000)
    rows = visit.wait_for("pageview", *["a"] * 75)
    sessions = [row.session for row in rows]
    assert len(set(sessions)) == 2
    assert sessions.index(sessions[-1]) == 24 * 3


def test_the_first_view_of_a_session_has_the_screen_whatever_came_before(visit):
    visit.add_page("/", attributes="data-auto=false")
    page = visit.open()
    page.wait_for_function("window.PivotMetrics")
    page.evaluate("['a', 'pageview', 'pageview'].forEach(type => PivotMetrics.track(type))")
    rows = visit.wait_for("a", "pageview", "pageview")
    assert [row.properties for row in rows] == [{"name": "a"}, {"screen": "1280x720"}, None]


@pytest.mark.parametrize(
    ("agent", "touch_points", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148", 5, "mobile"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/130.0 Mobile Safari/537.36", 5, "mobile"),
        ("Mozilla/5.0 (Linux; Android 15; SM-X910) Chrome/130.0 Safari/537.36", 5, "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 12_0 like Mac OS X) Mobile/15E148", 5, "tablet"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari", 5, "tablet"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari", 0, "desktop"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0", 10, "desktop"),
    ],
)
def test_the_kind_of_device_is_sent(visit, browser, agent, touch_points, device):
    visit.add_page("/")
    with browser.new_context(user_agent=agent) as context:
        context.add_init_script(
            f"Object.defineProperty(navigator, 'maxTouchPoints', {{value: {touch_points}}})"
        )
        context.new_page().goto(visit.world.origin)
        [row] = visit.wait_for("pageview")
    assert row.device == device
