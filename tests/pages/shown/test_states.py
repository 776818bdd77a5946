"""Pages in a browser: everybody can use them in each of their states, on every screen"""

import pytest

from tests.support.browser import NEEDS_BROWSER
from tests.support.page_outages import analytics_refused, rollup_held
from tests.support.page_states import AWAY, OF_ALL, OF_OWNERS
from tests.support.shown_pages import LOOKS, Tab

pytestmark = NEEDS_BROWSER
ENLARGE = """() => {
    for (const each of document.querySelectorAll(".number, .cards b, .cards .small, .y span")) {
        const texts = document.createTreeWalker(each, NodeFilter.SHOW_TEXT);
        while (texts.nextNode())
            texts.currentNode.data = texts.currentNode.data.replace(/\\d[\\d,.]*/, "123,456,789");
    }
}"""


@pytest.mark.parametrize("state", OF_OWNERS.values(), ids=OF_OWNERS)
def test_pages_of_owners(tab, sites, state):
    tab.open(state.path.format(**sites), status=state.status)
    tab.assert_usable()


@pytest.fixture(scope="package")
def strangers_tab(chromium, owner):
    with chromium.new_context() as context:
        yield Tab(context, owner.origin)


@pytest.mark.parametrize("state", OF_ALL.values(), ids=OF_ALL)
def test_pages_of_all(strangers_tab, sites, state):
    strangers_tab.open(state.path.format(**sites), status=state.status)
    strangers_tab.assert_usable()
    assert strangers_tab.complaints == []
    strangers_tab.page.goto("about:blank")  # so that nothing asks a server that another test stops


def test_pages_without_the_analytics_database(tab, tracked_world, sites):
    with analytics_refused(tracked_world):
        for name in ("websites", "dashboard", "live", "shared dashboard"):
            page = tab.open(AWAY[name].path.format(**sites), status=AWAY[name].status)
            assert "try again soon" in page.locator("main").inner_text()
            tab.assert_usable()


def test_pages_that_are_behind(tab, tracked_world, sites):
    with rollup_held(tracked_world, sites["busy"]):
        page = tab.open(sites["busy"])
        assert "Statistics are being brought up to date" in page.locator("main").inner_text()
        tab.assert_usable()


def test_numbers_of_nine_digits_have_their_space(tab, sites):
    for path in ("/", "{busy}?compare=previous", "{busy}by/page/", "{busy}goals/", "{funnel}"):
        page = tab.open(path.format(**sites))
        page.evaluate(ENLARGE)
        for look in LOOKS[:2]:
            tab.look(*look)
            assert tab.fits(), (path, look)
        tab.look(*LOOKS[0])
