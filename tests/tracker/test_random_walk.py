"""What happened, against what was stored, after a walk at random"""

import random

import pytest

from tests.support.browser import NEEDS_BROWSER
from tests.support.random_walk import Walk, add_application, add_site

pytestmark = NEEDS_BROWSER


@pytest.mark.parametrize("add", [add_site, add_application])
def test_all_that_happens_is_stored_once(visit, add):
    add(visit)
    walk = Walk(visit, seed=random.randrange(1_000_000))
    walk.run(seconds=5)
    assert walk.stored == walk.expected, walk.seed
