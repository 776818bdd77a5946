"""The recorder: one row for every request, whatever becomes of it."""

import logging
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from activity import recorder
from activity.models import ActivityEvent
from analytics.ingest import commit
from analytics.sessions.models import Session
from config.api import address_hash
from config.api.outcomes import Outcome
from config.db import uuid7
from tests.support.accounts import PASSWORD
from tests.support.activity import (
    request_rows,
    switch,
    the_row,
)
from tests.support.databases import away
from tests.support.responses import bearer
from tests.support.sessions import SESSION as SESSION_PATH
from tests.support.sessions import (
    assert_stored,
    send,
    session_of,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

ACCOUNT = {"email": "user@example.com", "password": PASSWORD}


def test_a_request_becomes_a_row(api, user, token, monkeypatch):
    at = datetime(2026, 1, 28, 20, 0, 0, 5_000, tzinfo=UTC)
    monkeypatch.setattr(uuid7, "now_ms", lambda: uuid7.to_ms(at))
    times = iter([10.0, 10.0426])
    clock = SimpleNamespace(perf_counter=lambda: next(times))
    monkeypatch.setattr("activity.middleware.time", clock)
    response = api.get("/api/v1/websites?page=2", headers=bearer(token), REMOTE_ADDR="203.0.113.7")
    row = the_row(response)
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
def test_requests_of_every_kind_are_recorded(api, method, path, status, event_type):
    response = getattr(api, method.lower())(path)
    assert response.status_code == status
    row = the_row(response)
    assert (row.method, row.path, row.status_code) == (method, path, status)
    assert row.event_type == event_type
    assert (row.user_id, row.metadata["actor_type"]) == (None, "anonymous")


def test_a_preflight_and_a_refused_host_are_recorded(api):
    preflight = {"Origin": "https://any.example", "Access-Control-Request-Method": "POST"}
    assert the_row(api.options("/api/v1/events", headers=preflight)).status_code == 200
    refused = api.get("/api/v1/websites", headers={"Host": "evil.example"})
    assert the_row(refused).status_code == 400


def test_a_view_that_crashes_is_recorded(api, token, monkeypatch, caplog):
    def crash(*args):
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("websites.websites_api.Website.objects.owned_by", crash)
    with caplog.at_level(logging.CRITICAL):
        response = api.get("/api/v1/websites", headers=bearer(token))
    assert response.status_code == 500
    row = the_row(response)
    assert (row.event_type, row.status_code) == ("server_error", 500)


def test_a_page_that_crashes_is_recorded(monkeypatch, caplog):
    def crash(*args, **kwargs):
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("django.contrib.admin.sites.AdminSite.each_context", crash)
    with caplog.at_level(logging.CRITICAL):
        response = Client(raise_request_exception=False).get("/admin/login/")
    assert response.status_code == 500
    assert the_row(response).event_type == "server_error"


# Who it was


def test_registration_login_refresh_and_logout_name_their_user(api):
    def post(name, body, **more):
        path = f"/api/v1/auth/{name}"
        return api.post(path, body, content_type="application/json", **more)

    registered = post("register", ACCOUNT)
    logged_in = post("login", ACCOUNT)
    tokens = logged_in.json()["tokens"]
    refreshed = post("refresh", {"refreshToken": tokens["refreshToken"]})
    logged_out = post("logout", {}, headers=bearer(tokens["accessToken"]))
    rows = [the_row(each) for each in (registered, logged_in, refreshed, logged_out)]
    assert [row.event_type for row in rows] == [
        *("user_registered", "user_login", "token_refreshed", "user_logout")
    ]
    assert {row.user_id for row in rows} == {registered.json()["user"]["id"]}
    assert {row.metadata["actor_type"] for row in rows} == {"authenticated_user"}


@pytest.mark.usefixtures("user")
def test_a_failed_login_names_nobody(api):
    wrong = ACCOUNT | {"password": "wrong"}
    response = api.post("/api/v1/auth/login", wrong, content_type="application/json")
    row = the_row(response)
    assert (response.status_code, row.user_id) == (401, None)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_names_its_user_also_where_none_is_asked_for(api, user, token, scheme):
    response = api.get("/nothing", headers={"Authorization": f"{scheme} {token}"})
    assert the_row(response).user_id == str(user.id)


@pytest.mark.parametrize(
    "claims", [{"exp": 1}, {"token_type": "refresh"}, {"algorithm": "none"}, {"key": "k" * 50}]
)
def test_an_invalid_token_counts_as_none(api, forge, claims):
    assert the_row(api.get("/nothing", headers=bearer(forge(**claims)))).user_id is None


@pytest.mark.parametrize("header", ["Basic dTpw", "Bearer", "Bearer a.b.c", "nonsense"])
def test_other_headers_name_nobody_even_with_a_session(staff_api, header):
    response = staff_api.get("/nothing", headers={"Authorization": header})
    assert the_row(response).user_id is None


@pytest.mark.parametrize("path", ["/nothing", "/admin/", "/api/v1/events", "/api/v1/websites"])
def test_a_session_names_its_user(staff_api, path):
    user_id = staff_api.session["_auth_user_id"]
    assert the_row(staff_api.get(path)).user_id == user_id


def test_an_inactive_or_made_up_session_names_nobody(api, make_user):
    user = make_user("staff@example.com", is_staff=True)
    api.force_login(user)
    user.is_active = False
    user.save()
    assert the_row(api.get("/nothing")).user_id is None
    api.cookies["sessionid"] = "made-up"
    assert the_row(api.get("/nothing")).user_id is None


def test_without_the_main_database_a_token_still_names_its_user(api, user, token, request):
    request.getfixturevalue("main_database_away")
    assert the_row(api.get("/nothing", headers=bearer(token))).user_id == str(user.id)


def test_without_the_main_database_a_session_names_nobody(staff_api, request):
    request.getfixturevalue("main_database_away")
    assert the_row(staff_api.get("/nothing")).user_id is None


@pytest.mark.parametrize(("header", "is_named"), [("Bearer {}", True), ("Bearer bad", False)])
def test_of_a_session_and_a_header_the_header_counts(api, make_user, user, token, header, is_named):
    api.force_login(make_user("other@example.com"))
    body = {"event_type": "page_view", "event_data": {}}
    response = api.post(
        "/api/analytics/collect",
        body,
        content_type="application/json",
        headers={"Authorization": header.format(token)},
    )
    assert response.status_code == 200
    assert the_row(response).user_id == (str(user.id) if is_named else None)


def test_a_main_database_that_failed_is_not_asked_again_at_once(staff_api, request, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("activity.attribution.time", SimpleNamespace(monotonic=lambda: clock[0]))
    user_id = staff_api.session["_auth_user_id"]
    with away("default", "the main database is away"):
        assert the_row(staff_api.get("/nothing")).user_id is None
    clock[0] += 0.9
    assert the_row(staff_api.get("/nothing")).user_id is None
    clock[0] += 0.1
    assert the_row(staff_api.get("/nothing")).user_id == user_id


# What it was about


def test_a_session_that_was_stored_is_the_rows(api):
    response = send(api, session_of(), SESSION_PATH)
    row = the_row(response)
    assert row.session_id == str(assert_stored(response)) == str(Session.objects.get().id)
    assert (row.event_type, row.metadata["actor_type"]) == ("session_created", "anonymous_session")


def test_a_session_that_was_dropped_is_nobodys(api):
    response = send(api, session_of(consentAnalytics="no"), SESSION_PATH)
    row = the_row(response)
    assert (row.session_id, row.metadata["actor_type"]) == (None, "anonymous")


def test_a_website_that_was_created_is_the_rows_project(api, token):
    site = {"name": "Mine", "domain": "example.com"}
    sent = {"content_type": "application/json", "headers": bearer(token)}
    created = api.post("/api/v1/websites", site, **sent)
    row = the_row(created)
    assert (row.event_type, row.project_id) == ("project_created", created.json()["id"])
    assert the_row(api.post("/api/v1/websites", site, **sent)).project_id is None  # a conflict


@pytest.mark.parametrize(
    ("path", "session_id", "project_id", "step"),
    [
        ("/api/v1/analytics/session/abc/heartbeat", "abc", None, None),
        ("/api/v1/analytics/session/", None, None, None),
        ("/api/v1/analytics/session", None, None, None),
        ("/api/v1/websites/abc", None, "abc", None),
        ("/api/v1/websites/", None, None, None),
        ("/api/v1/sessions/a/sessions/b/convert", "b", None, None),
        ("/api/v1/sessions/create", None, None, None),
        ("/api/v1/sessions", None, None, None),
        ("/x/sessions/a", "a", None, None),
        ("/api/v1/projects/a/projects/b/wizard/step/3", None, "b", "3"),
        ("/api/v1/projects/p/sessions/s/wizard/step/last/x", "s", "p", "last"),
        ("/api/v1/projects/p/step/", None, "p", None),
        ("/api/v1/steps/3", None, None, None),
        ("/a/sessions/b/sessions", None, None, None),
        ("/a/projects/b/step/1/step", None, "b", None),
        (f"/x/step/{'9' * 300}", None, None, "9" * 300),
        (f"/api/v1/projects/{'é' * 129}", None, "é" * 128, None),
        ("/api/v1/projects/a%00b", None, "a\ufffdb", None),
    ],
)
def test_paths_tell_what_a_request_is_about(api, path, session_id, project_id, step):
    row = the_row(api.post(path))
    assert (row.session_id, row.project_id) == (session_id, project_id)
    assert row.metadata.get("step_number") == step
    actor = "anonymous_session" if session_id else "anonymous"
    assert row.metadata["actor_type"] == actor


def test_methods_and_paths_are_cut_and_nul_is_replaced(api):
    response = api.generic("M" * 20, "/%00" + "é" * 3000)
    row = the_row(response)
    assert row.method == "M" * 16
    assert row.path == "/\ufffd" + "é" * 2046


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
    assert the_row(api.get("/api/v1/websites", headers=bearer(token)))
    switch(text)
    before = len(request_rows())
    assert api.get("/api/v1/websites", headers=bearer(token)).status_code == 200
    assert api.get("/nothing").status_code == 404
    assert len(request_rows()) == before


# Failure: the answer is as usual, a warning is logged, and the loss is counted


@pytest.fixture
def lost(monkeypatch):
    """Tell how many rows were lost since the test began; no warning was logged before it."""
    monkeypatch.setattr(recorder._Warnings, "next_at", 0.0)
    monkeypatch.setattr(recorder._Warnings, "lost", 0)

    def count():
        return REGISTRY.get_sample_value("millrace_activity_lost_total") or 0

    before = count()
    return lambda: count() - before


def test_without_the_analytics_database_answers_are_as_usual(api, token, lost, caplog, request):
    usual = api.get("/api/v1/websites", headers=bearer(token))
    request.getfixturevalue("analytics_away")
    response = api.get("/api/v1/websites", headers=bearer(token))
    assert (response.status_code, response.content) == (200, usual.content)
    id = response["X-Request-Id"]
    [warning] = [text for text in caplog.messages if "activity_record_failed" in text]
    assert warning == (
        f"activity_record_failed request_id={id}; 1 rows lost since the last warning"
    )
    assert lost() == 1


def test_many_losses_are_one_warning_a_second(api, lost, caplog, monkeypatch, request):
    clock = [100.0]
    monkeypatch.setattr("activity.recorder.time.monotonic", lambda: clock[0])
    request.getfixturevalue("analytics_away")
    for _ in range(5):
        api.get("/nothing")
    clock[0] = 101.0
    api.get("/nothing")
    warnings = [text for text in caplog.messages if "activity_record_failed" in text]
    assert [text.partition("; ")[2] for text in warnings] == [
        "1 rows lost since the last warning",
        "5 rows lost since the last warning",
    ]
    assert lost() == 6


def test_a_row_that_the_database_refuses_is_lost(api, lost, caplog, monkeypatch):
    monkeypatch.setattr(commit, "store_group", lambda alias, group: [[Outcome.WRITE_FAILED]])
    assert api.get("/nothing").status_code == 404
    assert lost() == 1


def test_a_mistake_in_the_recorder_breaks_no_answer(api, lost, caplog, monkeypatch):
    def crash(request):
        raise RuntimeError("a mistake")

    monkeypatch.setattr("activity.recorder.attribution_of", crash)
    assert api.get("/nothing").status_code == 404
    assert lost() == 1
    assert "The recorder failed" in caplog.messages


def test_rows_of_requests_have_ids_of_their_time(api):
    ms = uuid7.now_ms()
    row = the_row(api.get("/nothing"))
    assert isinstance(row.id, UUID)
    assert row.id.version == 7
    assert ms <= uuid7.ms_of(row.id) <= uuid7.now_ms()
