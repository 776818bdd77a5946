"""Sessions are right after a minute of sixteen writers and two rollups, and kills at each step"""

import pytest
from django.core.management import call_command

from tests.bench.figures import row
from tests.support.rollup_kills import STEPS, kill_rollups_at
from tests.support.rollup_load import load


@pytest.mark.django_db(transaction=True, databases=["default", "analytics"])
def test_sessions_are_right_after_a_minute(website):
    counts = load(website, seconds=60)
    for name, count in counts.items():
        row(name, count)
    call_command("rollup", "--check", "--days", "1000")


def test_it_is_killed_at_each_step(environment):
    kill_rollups_at(environment, STEPS)
