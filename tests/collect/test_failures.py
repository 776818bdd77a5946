"""POST /api/analytics/collect: switches, and failures of storage"""

import logging
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connections

from analytics.collect.models import CollectedEvent
from analytics.ingest import background, commit
from config.api import address_hash
from config.db import uuid7
from tests.support.api import Api
from tests.support.collect import (
    EVENT,
    KILL_SWITCH,
    PATH,
    UNAVAILABLE,
    WRITE_FAILED,
    assert_error,
    assert_session_required,
    assert_stored,
    event,
    id_of,
    stored_rows,
    success_body,
    uuid_of,
)
from tests.support.databases import failing
from tests.support.responses import assert_response
from tests.support.runtime_settings import change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

AT = datetime(2026, 1, 28, 20, 0, tzinfo=UTC)
SERVER_ERROR = {"success": False, "error": "Internal server error"}


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
def test_while_the_switch_is_off_nothing_is_stored(browser, text):
    change_settings(collect_enabled=text)
    response = browser.post(PATH, EVENT)
    assert_response(response, 200, success_body(id_of(response)), KILL_SWITCH)
    assert uuid7.time_of(uuid_of(id_of(response))) == AT
    assert stored_rows() == []


def test_while_the_switch_is_off_refusals_are_the_usual_ones(browser):
    change_settings(collect_enabled="false")
    large = EVENT | {"event_data": {"a": "x" * 10_000}}
    details = [("event_data", "Exceeds 10000 bytes")]
    assert_error(browser.post(PATH, large), 400, "event_data is too large", details=details)
    assert_error(
        browser.post(PATH, EVENT, content_type="text/plain"), 415, "Unsupported media type"
    )
    assert_session_required(Api().post(PATH, EVENT))


def test_the_switch_needs_no_database_of_events(browser, analytics_away):
    change_settings(collect_enabled="false")
    assert browser.post(PATH, EVENT)["X-Event-Outcome"] == KILL_SWITCH["X-Event-Outcome"]


def test_the_switches_of_other_apis_do_not_matter(browser):
    others = ("tracking", "activity", "platform", "events")
    change_settings(**{f"{name}_enabled": "false" for name in others})
    assert_stored(browser.post(PATH, EVENT))


def test_the_cap_can_be_changed(browser):
    change_settings(max_event_data_bytes=2)
    assert_stored(browser.post(PATH, event()))
    CollectedEvent.objects.all().delete()
    details = [("event_data", "Exceeds 2 bytes")]
    response = browser.post(PATH, event(event_data={"": 0}))
    assert_error(response, 400, "event_data is too large", details=details)


@pytest.mark.parametrize("is_salt_known", [True, False])
def test_without_the_analytics_database_storage_is_unavailable(browser, is_salt_known):
    if is_salt_known:
        address_hash.hash_address("127.0.0.1")
    with failing("analytics", "the analytics database is away"):
        assert_response(browser.post(PATH, EVENT), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored_rows() == []
    address_hash.reset()
    assert_stored(browser.post(PATH, EVENT))


def test_without_the_main_database_no_session_can_be_checked(browser):
    with failing("default", "the main database is away"):
        assert_response(browser.post(PATH, EVENT), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored_rows() == []


def test_without_a_confirmed_write_storage_is_unavailable(browser, monkeypatch):
    def fail(*group):
        raise OperationalError("no answer")

    monkeypatch.setattr(commit, "store_group", fail)
    assert_response(browser.post(PATH, EVENT), 503, UNAVAILABLE, WRITE_FAILED)


def test_a_row_that_the_database_rejects_is_an_internal_error(browser, refuse_type):
    refuse_type("bad")
    response = browser.post(PATH, EVENT | {"event_type": "bad"})
    assert_response(response, 500, SERVER_ERROR, WRITE_FAILED)
    assert stored_rows() == []
    assert_stored(browser.post(PATH, EVENT))


@pytest.fixture
def refuse_type(db):
    """Let the database reject events of a type."""

    def refuse(type):
        with connections["analytics"].cursor() as cursor:
            cursor.execute(
                "ALTER TABLE analytics_collectedevent "
                f"ADD CONSTRAINT refused CHECK (event_type <> '{type}')"
            )

    return refuse


def test_a_crash_is_reported_without_details(browser, monkeypatch, caplog):
    monkeypatch.setattr("analytics.collect.api.store", None)
    assert_response(browser.post(PATH, EVENT), 500, SERVER_ERROR, WRITE_FAILED)
    assert "NoneType" in caplog.text


def test_no_address_is_logged(browser, caplog):
    caplog.set_level(logging.DEBUG)
    assert_stored(browser.post(PATH, EVENT, REMOTE_ADDR="198.51.100.7"))
    assert "198.51.100.7" not in caplog.text


def test_a_session_costs_one_query_once_it_is_known(browser, django_assert_num_queries):
    browser.post(PATH, b"{")
    background.drain()
    with django_assert_num_queries(1, using="default"):
        assert_stored(browser.post(PATH, EVENT))
        background.drain()
