"""One browser for the tests of a module, and a website for each of them."""

import pytest

from tests.support.tracked_site import Visit


@pytest.fixture(scope="module")
def browser(tracked_world):
    """A browser that ends with the module: Django works in no thread that playwright runs in."""
    with tracked_world.browser() as browser:
        yield browser


@pytest.fixture
def visit(tracked_world, browser):
    """A website with the script on it, whose pages must see no error and no message of it."""
    with browser.new_context() as context:
        visit = Visit(tracked_world, context)
        yield visit
    assert visit.errors == []
