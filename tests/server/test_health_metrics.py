"""GET /health/live, /health/ready and /metrics"""

import threading
import tomllib

import pytest
from django.conf import settings
from django.db import connections
from prometheus_client import REGISTRY

from config.server import health
from tests.support.databases import terminate_other_connections
from tests.support.responses import NO_SPOOL, assert_error, assert_response

BOTH = pytest.mark.django_db(databases=["default", "analytics"])
FORBIDDEN = (403, "FORBIDDEN", "Metrics token required")


def test_live_asks_no_database_and_tells_the_version(api):
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    body = {"status": "ok", "version": project["version"]}
    assert_response(api.get("/health/live"), 200, body)


@BOTH
def test_ready_when_both_databases_respond(api):
    databases = {"default": "ok", "analytics": "ok"}
    assert_response(
        api.get("/health/ready"), 200, {"status": "ok", "databases": databases, "spool": NO_SPOOL}
    )


@BOTH
@pytest.mark.parametrize("away", ["default", "analytics"])
def test_not_ready_while_a_database_is_down(api, monkeypatch, away):
    monkeypatch.setitem(connections.settings[away], "HOST", "/nowhere")
    databases = {"default": "ok", "analytics": "ok"} | {away: "unavailable"}
    body = {"status": "unavailable", "databases": databases, "spool": NO_SPOOL}
    assert_response(api.get("/health/ready"), 503, body)


@BOTH
def test_a_probe_opens_no_connection_unless_its_own_is_broken(api):
    def opened():
        labels = {"alias": "analytics", "vendor": "postgresql"}
        return REGISTRY.get_sample_value("django_db_new_connections_total", labels)

    assert api.get("/health/ready").status_code == 200
    before = opened()
    assert [api.get("/health/ready").status_code for _ in range(5)] == [200] * 5
    assert opened() == before
    terminate_other_connections("analytics")
    assert [api.get("/health/ready").status_code for _ in range(5)] == [200] * 5
    assert opened() == before + 1


def test_checks_after_a_timeout_do_not_run(monkeypatch):
    go, asked = threading.Event(), []

    def silent(alias):
        asked.append(alias)
        return go.wait(60)

    with monkeypatch.context() as patch:
        patch.setattr(health, "takes_writes", silent)
        patch.setattr(health, "TIMEOUT_SECONDS", 0.01)
        for _ in range(10):
            assert health.check_databases("analytics") == {"analytics": False}
        go.set()
        patch.setattr(health, "TIMEOUT_SECONDS", 60)
        assert health.check_databases("analytics") == {"analytics": True}
    assert len(asked) == 2  # the first, and the last


def test_not_ready_while_a_database_does_not_respond_in_time(api, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr("config.server.health.TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(
        "config.server.health.takes_writes", lambda alias: alias == "default" or released.wait(60)
    )
    response = api.get("/health/ready")
    released.set()
    databases = {"default": "ok", "analytics": "unavailable"}
    assert_response(
        response, 503, {"status": "unavailable", "databases": databases, "spool": NO_SPOOL}
    )


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
@BOTH
def test_head_is_get_without_a_body(api, path):
    response = api.head(path)
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_nothing_but_get(api, path):
    response = (405, "METHOD_NOT_ALLOWED", "Method not allowed", {"Allow": "GET, HEAD"})
    assert_error(api.post(path), *response)
    assert_error(api.options(path), *response)


@pytest.mark.parametrize("path", ["/health", "/health/", "/health/live/", "/metrics/"])
def test_paths_are_exact(api, path):
    assert_error(api.get(path), 404, "NOT_FOUND", "Route not found")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@BOTH
def test_metrics_are_for_this_machine(api, address):
    response = api.get("/metrics", REMOTE_ADDR=address)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    assert "# TYPE millrace_ingest_total counter" in response.content.decode()
    assert_error(api.get("/metrics", REMOTE_ADDR="192.0.2.1"), *FORBIDDEN)


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP"])
def test_metrics_are_not_served_through_a_proxy(api, name):
    assert_error(api.get("/metrics", headers={name: "127.0.0.1"}), *FORBIDDEN)


@BOTH
def test_metrics_are_for_who_knows_the_token(api, settings):
    settings.METRICS_TOKEN = "open-sesame"

    def ask(authorization):
        headers = {"Authorization": authorization, "X-Forwarded-For": "192.0.2.1"}
        return api.get("/metrics", headers=headers, REMOTE_ADDR="192.0.2.1")

    assert ask("Bearer open-sesame").status_code == 200
    for wrong in ("Bearer open-sesam", "bearer open-sesame", "open-sesame", "Bearer ", "é", ""):
        assert_error(ask(wrong), *FORBIDDEN)


@pytest.mark.parametrize("authorization", ["Bearer ", "Bearer", ""])
def test_an_empty_token_is_rejected(api, authorization):
    headers = {"Authorization": authorization}
    assert_error(api.get("/metrics", headers=headers, REMOTE_ADDR="192.0.2.1"), *FORBIDDEN)
