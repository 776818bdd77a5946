"""A minute of sixteen writers and two rollups: whatever the order, the sessions are right"""

import pytest
from django.core.management import call_command

from tests.bench.figures import row
from tests.support.rollup_load import load

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "analytics"])


def test_sessions_are_right_after_a_minute(website):
    counts = load(website, seconds=60)
    for name, count in counts.items():
        row(name, count)
    call_command("rollup", "--check", "--days", "1000")
