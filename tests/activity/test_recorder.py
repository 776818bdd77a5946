"""The recorder: one row for every request"""

import logging
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from activity.models import ActivityEvent
from analytics.ingest import background, commit
from config.api import address_hash
from config.api.outcomes import Outcome
from config.db import uuid7
from tests.support.activity import request_rows, row_of, switch
from tests.support.shares import token_of_share
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


def test_a_request_is_stored_as_a_row(api, user, clock, monkeypatch):
    at = datetime(2026, 1, 28, 20, 0, 0, 5_000, tzinfo=UTC)
    clock.set(at)
    token = tokens.issue(user).access
    verify = tokens.verify

    def verify_slowly(token, **more):
        clock.move(milliseconds=42.6)
        return verify(token, **more)

    with monkeypatch.context() as patch:
        patch.setattr(tokens, "verify", verify_slowly)
        response = api.get("/api/v1/websites?page=2", token=token, REMOTE_ADDR="203.0.113.7")
    row = row_of(response)
    assert uuid7.time_of(row.id) == row.created_at == at
    assert (row.event_type, row.method, row.path) == ("api_request", "GET", "/api/v1/websites")
    assert (row.status_code, row.duration_ms) == (200, 43)
    assert (row.user_id, row.session_id, row.project_id) == (str(user.id), None, None)
    assert row.metadata == {
        "request_id": response["X-Request-Id"],
        "remote_addr": address_hash.hash_address("203.0.113.7"),
        "actor_type": "authenticated_user",
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "event_type"),
    [
        ("GET", "/nothing", 404, "api_request_failed"),
        ("GET", "/api/v1/analytics/nothing", 404, "api_request_failed"),
        ("DELETE", "/api/v1/events", 405, "api_request_failed"),
        ("OPTIONS", "/api/v1/websites", 405, "api_request_failed"),
        ("POST", "/api/v1/events", 415, "api_request_failed"),
        ("GET", "/api/v1/websites", 401, "api_request_failed"),
        ("GET", "/admin/", 302, "api_request"),
        ("GET", "/admin/login/", 200, "api_request"),
        ("HEAD", "/admin/login/", 200, "api_request"),
    ],
)
def test_requests_of_every_kind_are_recorded(client, method, path, status, event_type):
    response = getattr(client, method.lower())(path)
    assert response.status_code == status
    row = row_of(response)
    assert (row.method, row.path, row.status_code) == (method, path, status)
    assert row.event_type == event_type
    assert (row.user_id, row.metadata["actor_type"]) == (None, "anonymous")


@pytest.mark.parametrize("page", ["", "/", "/live/", "/by/page/"])
def test_the_token_of_a_share_is_not_recorded(client, website, page):
    token = token_of_share(website)
    row = row_of(client.get(f"/share/{token}{page}"))
    assert row.path == f"/share/[token]{page}"
    assert token not in str(row.metadata)


def test_a_preflight_and_a_rejected_host_are_recorded(api):
    preflight = {"Origin": "https://any.example", "Access-Control-Request-Method": "POST"}
    assert row_of(api.options("/api/v1/events", headers=preflight)).status_code == 200
    refused = api.get("/api/v1/websites", headers={"Host": "evil.example"})
    assert row_of(refused).status_code == 400


def test_a_view_that_crashes_is_recorded(api, token, monkeypatch, caplog):
    def crash(*args):
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("websites.websites_api.Website.objects.owned_by", crash)
    with caplog.at_level(logging.CRITICAL):
        response = api.get("/api/v1/websites", token=token)
    assert response.status_code == 500
    row = row_of(response)
    assert (row.event_type, row.status_code) == ("server_error", 500)


def test_a_page_that_crashes_is_recorded(monkeypatch, caplog):
    def crash(*args, **kwargs):
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("django.contrib.admin.sites.AdminSite.each_context", crash)
    with caplog.at_level(logging.CRITICAL):
        response = Client(raise_request_exception=False).get("/admin/login/")
    assert response.status_code == 500
    assert row_of(response).event_type == "server_error"


# What is not recorded


@pytest.mark.parametrize(
    ("path", "is_recorded"),
    [
        ("/metrics", False),
        ("/metrics/x", False),
        ("/metricsx", True),
        ("/health/live", False),
        ("/health", False),
        ("/healthy", True),
        ("/static/x.css", False),
        ("/static", True),
        ("/admin/jsi18n/", False),
        ("/admin/jsi18n", False),
        ("/Metrics", True),
    ],
)
def test_excluded_paths_are_passed_by(api, path, is_recorded):
    response = api.get(path)
    found = ActivityEvent.objects.filter(metadata__request_id=response["X-Request-Id"])
    assert found.exists() is is_recorded


@pytest.mark.parametrize("text", ["false", "TRUE", ""])
def test_while_the_switch_is_off_nothing_is_recorded(api, token, text):
    assert row_of(api.get("/api/v1/websites", token=token))
    switch(text)
    before = len(request_rows())
    assert api.get("/api/v1/websites", token=token).status_code == 200
    assert api.get("/nothing").status_code == 404
    assert len(request_rows()) == before


# Failure: the answer is as usual, a warning is logged, and the loss is counted


@pytest.fixture
def lost():
    """A call that returns how many rows were lost since the test began."""

    def count():
        return REGISTRY.get_sample_value("millrace_activity_lost_total") or 0

    before = count()
    return lambda: count() - before


def test_without_the_analytics_database_responses_are_as_usual(api, token, lost, caplog, request):
    usual = api.get("/api/v1/websites", token=token)
    background.drain()
    request.getfixturevalue("analytics_away")
    response = api.get("/api/v1/websites", token=token)
    background.drain()
    assert (response.status_code, response.content) == (200, usual.content)
    id = response["X-Request-Id"]
    [warning] = [text for text in caplog.messages if "activity_record_failed" in text]
    assert warning == (
        f"activity_record_failed request_id={id}; 1 rows lost since the last warning"
    )
    assert lost() == 1


def test_many_losses_are_one_warning_a_second(api, lost, caplog, clock, request):
    request.getfixturevalue("analytics_away")
    for _ in range(5):
        api.get("/nothing")
    background.drain()
    clock.move(seconds=1)
    api.get("/nothing")
    background.drain()
    warnings = [text for text in caplog.messages if "activity_record_failed" in text]
    assert [text.partition("; ")[2] for text in warnings] == [
        "1 rows lost since the last warning",
        "5 rows lost since the last warning",
    ]
    assert lost() == 6


def test_a_row_that_the_database_rejects_is_lost(api, lost, caplog, monkeypatch):
    monkeypatch.setattr(commit, "store_group", lambda table, group: [[Outcome.WRITE_FAILED]])
    assert api.get("/nothing").status_code == 404
    background.drain()
    assert lost() == 1


def test_an_error_in_the_recorder_breaks_no_response(api, lost, caplog, monkeypatch):
    def crash(facts):
        raise RuntimeError("a mistake")

    monkeypatch.setattr("activity.recorder.attribution_of", crash)
    assert api.get("/nothing").status_code == 404
    background.drain()
    assert lost() == 1
    assert "A row of activity could not be made" in caplog.messages


def test_rows_of_requests_have_ids_of_their_time(api):
    ms = uuid7.now_ms()
    row = row_of(api.get("/nothing"))
    assert isinstance(row.id, UUID)
    assert row.id.version == 7
    assert ms <= uuid7.ms_of(row.id) <= uuid7.now_ms()
