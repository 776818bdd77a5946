"""Chromium, at the service that the tests of the script have too, for all tests of the folder"""

import pytest

from tests.support.browser import launched
from tests.support.page_states import paths_of
from tests.support.shown_pages import Account, Tab


@pytest.fixture(scope="session")
def owner(tracked_world):
    """An owner with three websites: busy, empty, and one with a long name."""
    return Account.register(tracked_world.port, "pages@example.com")


@pytest.fixture(scope="session")
def sites(owner):
    """The paths of the owner's websites, and of what these have."""
    return paths_of(owner)


@pytest.fixture(scope="package")
def chromium():
    """A browser that ends with the folder: Django works in no thread that playwright runs in."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="package")
def owner_context(chromium, owner):
    """A context of the browser in which the owner is logged in."""
    with chromium.new_context() as context:
        owner.log_in(context)
        yield context


@pytest.fixture(scope="package")
def _owner_tab(owner_context, owner):
    return Tab(owner_context, owner.origin)


@pytest.fixture
def tab(_owner_tab):
    """The owner's tab, as wide as a desk; nothing may be complained of."""
    _owner_tab.complaints.clear()
    yield _owner_tab
    assert _owner_tab.complaints == []


@pytest.fixture
def make_tab(chromium, owner):
    """Open a tab of a browser without a history; with `state`, with cookies."""
    contexts = []

    def make(*, state=None, **options):
        contexts.append(chromium.new_context(storage_state=state, **options))
        return Tab(contexts[-1], owner.origin)

    yield make
    for context in contexts:
        context.close()
