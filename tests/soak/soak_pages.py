"""Pages in a browser: nothing keeps anybody from using them, in any state, on any screen"""

import pytest

from tests.support.browser import NEEDS_BROWSER, launched
from tests.support.page_outages import analytics_refused, rollup_held
from tests.support.page_states import AWAY, OF_ALL, OF_OWNERS, paths_of
from tests.support.shown_pages import LOOKS, Account, Tab
from tests.support.tracked_site import world

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def service():
    with world() as started:
        yield started


@pytest.fixture(scope="module")
def owner(service):
    return Account.register(service.port, "pages@example.com")


@pytest.fixture(scope="module")
def sites(owner):
    return paths_of(owner)


@pytest.fixture(scope="module")
def chromium():
    with launched() as browser:
        yield browser


@pytest.mark.parametrize("states", [OF_OWNERS, OF_ALL], ids=["of owners", "of all"])
def test_every_state_is_usable_on_every_screen(chromium, owner, sites, states):
    with chromium.new_context() as context:
        if states is OF_OWNERS:
            owner.log_in(context)
        tab = Tab(context, owner.origin)
        for state in states.values():
            tab.open(state.path.format(**sites), status=state.status)
            tab.assert_usable(LOOKS)
        assert tab.complaints == []


def test_pages_are_usable_during_an_outage(chromium, service, owner, sites):
    with chromium.new_context() as context:
        owner.log_in(context)
        tab = Tab(context, owner.origin)
        with analytics_refused(service):
            for state in AWAY.values():
                tab.open(state.path.format(**sites), status=state.status)
                tab.assert_usable(LOOKS)
        for page in ("", "by/page/", "retention/", "goals/", "hours/"):
            with rollup_held(service, sites["busy"]):
                tab.open(sites["busy"] + page)
                tab.assert_usable(LOOKS)
        assert tab.complaints == []
