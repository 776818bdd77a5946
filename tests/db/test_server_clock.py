"""The clock of a database server"""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from config.db import server_clock

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.mark.parametrize("alias", ["default", "analytics"])
def test_it_does_not_follow_a_host_whose_clock_is_wrong(alias):
    right = timezone.now()
    with time_machine.travel(right + timedelta(hours=2)):
        assert abs(server_clock.now(alias) - right) < timedelta(minutes=1)
