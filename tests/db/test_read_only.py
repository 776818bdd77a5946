"""Connections to servers that became standbys"""

from contextlib import nullcontext

import pytest
from django.db import OperationalError, connections, transaction

from tests.support.responses import assert_response
from websites.models import Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

SITE = {"name": "My Website", "domain": "example.com"}
UNAVAILABLE = {"error": "SERVICE_UNAVAILABLE", "message": "Storage is unavailable"}


def become_standby():
    """Let the server of this connection, but not of the next one, take no writes."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")


def test_a_request_that_writes_is_unavailable_and_the_next_one_works(api, token):
    become_standby()
    response = api.post("/api/v1/websites", SITE, token=token)
    assert_response(response, 503, UNAVAILABLE, {"Retry-After": "5"})
    assert api.post("/api/v1/websites", SITE, token=token).status_code == 201


@pytest.mark.parametrize("block", [nullcontext(), transaction.atomic(using="default")])
def test_the_connection_is_dropped(user, make_website, block):
    become_standby()
    with pytest.raises(OperationalError, match="takes no writes"), block:
        make_website(user)
    assert not Website.objects.exists()
    make_website(user)
