"""How long a request may wait for databases in all"""

from typing import Any

import pytest
from django.http import HttpResponse

from config.db import deadline
from config.middleware import request_deadline


@pytest.mark.parametrize(
    ("path", "seconds"), [("/websites/1/", 10), ("/", 10), ("/admin/", 30), ("/api/v1/events", 5)]
)
def test_a_page_waits_longer_than_an_api_and_the_admin_longest(rf, path, seconds):
    respond: Any = request_deadline(lambda request: HttpResponse(deadline.remaining()))
    assert seconds - 1 < float(respond(rf.get(path)).content) <= seconds
