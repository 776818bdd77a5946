"""millrace_http_request_seconds"""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from config.db import uuid7
from config.server import health
from tests.support.accounts import PASSWORD

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LOGIN = "/api/v1/auth/login"


def counted(api):
    """Return how many requests were counted until now, by route, method and status."""
    page = api.get("/metrics").content.decode()
    return {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "millrace_http_request_seconds_count"
    }


@pytest.fixture
def labels_of(api):
    """Return the labels under which one request is counted."""

    def tell(send, *arguments, **more):
        before = counted(api)
        send(*arguments, **more)
        after = counted(api)
        changed = {key for key in after if after[key] != before.get(key, 0)}
        changed -= {("metrics", "GET", "200")}
        [labels] = changed
        assert after[labels] == before.get(labels, 0) + 1
        return labels

    return tell


def test_requests_are_labelled_by_route_and_not_by_path(api, labels_of):
    for _ in range(2):
        path = f"/api/v1/events/{uuid7.new_id_now()}"
        assert labels_of(api.get, path) == ("api/v1/events/<str:id>", "GET", "404")


def test_each_status_counts_for_itself(api, labels_of, user):
    for password, status in ((PASSWORD, "200"), ("wrong", "401"), ("", "400")):
        sent = {"email": user.email, "password": password}
        labels = labels_of(api.post, LOGIN, sent, content_type="application/json")
        assert labels == ("api/v1/auth/login", "POST", status)


def test_a_crash_is_counted(api, labels_of, monkeypatch):
    monkeypatch.setattr("websites.accounts.authenticate", None)
    sent = {"email": "user@example.com", "password": PASSWORD}
    labels = labels_of(api.post, LOGIN, sent, content_type="application/json")
    assert labels == ("api/v1/auth/login", "POST", "500")


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/analytics/nothing", "/x?y=z"])
def test_unknown_paths_are_one(api, labels_of, path):
    assert labels_of(api.get, path) == ("unknown", "GET", "404")


def test_invented_methods_are_one(api, labels_of):
    for method in ("BREW", "brew", "X" * 1000):
        assert labels_of(api.generic, method, "/health/live") == ("health/live", "other", "405")


def test_pages_of_the_admin_are_one(staff_api, labels_of):
    for path in ("/admin/", "/admin/websites/user/"):
        assert labels_of(staff_api.get, path) == ("admin/", "GET", "200")


def test_unknown_routes_are_counted(api, labels_of):
    refused = labels_of(api.get, "/health/live", headers={"Host": "evil.example"})
    assert refused == ("none", "GET", "400")
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert labels_of(api.options, "/api/v1/events", headers=headers) == ("none", "OPTIONS", "200")


def test_durations_are_in_seconds(api, clock, monkeypatch):
    name = 'millrace_http_request_seconds_sum{method="GET",route="health/ready",status="200"}'

    def total():
        page = api.get("/metrics").content.decode()
        return sum(float(line.split()[1]) for line in page.splitlines() if line.startswith(name))

    def answer_slowly(*aliases):
        clock.move(seconds=2.5)
        return dict.fromkeys(aliases, True)

    monkeypatch.setattr(health, "check_databases", answer_slowly)
    before = total()
    api.get("/health/ready")
    assert total() - before == pytest.approx(2.5)
