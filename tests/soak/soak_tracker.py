"""Minutes of random clicks, going back, tabs and losses of the network: all is stored once"""

import random

import pytest

from tests.bench.figures import row
from tests.support.browser import NEEDS_BROWSER
from tests.support.random_walk import Walk, add_application, add_site
from tests.support.tracked_site import Visit, world

pytestmark = NEEDS_BROWSER
SECONDS = 150  # on each


@pytest.mark.parametrize("add", [add_site, add_application])
def test_a_long_walk_is_stored_as_it_happened(add):
    with world() as tracked, tracked.browser() as browser, browser.new_context() as context:
        visit = Visit(tracked, context)
        add(visit)
        walk = Walk(visit, seed=random.randrange(1_000_000))
        walk.run(SECONDS)
        row(f"steps, {add.__name__}", walk.steps)
        row("  events", sum(walk.stored.values()))
        row("  requests", len(visit.gateway.sent))
        assert walk.stored == walk.expected, walk.seed
        assert visit.errors == []
