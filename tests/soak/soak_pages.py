"""Pages in a browser: nothing keeps anybody from using them, in any state, on any screen"""

import pytest

from tests.support.browser import NEEDS_BROWSER, launched
from tests.support.page_states import OF_ALL, OF_OWNERS, paths_of
from tests.support.shown_pages import LOOKS, Account, Tab
from tests.support.tracked_site import world

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def owner():
    with world() as started:
        yield Account.register(started.port, "pages@example.com")


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
