"""Reads with a bearer token while the main database cannot say whether it is revoked"""

import pytest

from config import runtime
from tests.support.databases import failing
from tests.support.events import event_of
from tests.support.platform import MINIMAL_EVENT
from tests.support.responses import assert_error
from tests.support.runtime_settings import change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

READS = [
    "/api/v1/auth/me",
    "/api/v1/websites",
    "/api/v1/websites/{website.id}/stats",
    "/api/v1/websites/{website.id}/goals",
    "/api/v1/dashboard/metrics?websiteId={website.id}",
    "/api/v1/events?trackingCode={website.tracking_code}",
    "/api/v1/analytics/stats",
    "/api/v1/analytics/funnel?steps=a&steps=b",
]


@pytest.mark.parametrize("path", READS)
def test_no_read_goes_by_the_signature(api, website, token, path):
    change_settings(public_event_reads="false")
    api.post("/api/v1/events", event_of(website))
    assert runtime.current().public_event_reads is False
    with failing("default", "the main database is away"):
        assert api.post("/api/v1/analytics", MINIMAL_EVENT, token=token).status_code == 200
        response = api.get(path.format(website=website), token=token)
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert api.get(path.format(website=website), token="x.y.z").status_code == 401


def test_a_token_that_the_database_knows_is_taken_once_it_is_back(api, token, clock):
    unavailable = (503, "SERVICE_UNAVAILABLE", "Storage is unavailable")
    with failing("default", "the main database is away"):
        assert_error(api.get("/api/v1/auth/me", token=token), *unavailable)
    clock.move(seconds=2)
    assert api.get("/api/v1/auth/me", token=token).status_code == 200
