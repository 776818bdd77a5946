"""POST /api/analytics/collect: switches, and failures of storage"""

import logging
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connections

from analytics.collect.models import CollectedEvent
from analytics.ingest import commit
from config.api import address_hash
from config.db import uuid7
from tests.support.api import Api
from tests.support.collect import (
    EVENT,
    KILL_SWITCH,
    PATH,
    UNAVAILABLE,
    WRITE_FAILED,
    assert_refused,
    assert_refused_session,
    assert_stored,
    event,
    id_in,
    recorded,
    stored,
    uuid_of,
)
from tests.support.databases import away
from tests.support.responses import assert_answer
from tests.support.runtime_settings import set_to

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

AT = datetime(2026, 1, 28, 20, 0, tzinfo=UTC)
SERVER_ERROR = {"success": False, "error": "Internal server error"}


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
def test_while_the_switch_is_off_nothing_is_stored(browser, text):
    set_to(collect_enabled=text)
    response = browser.post(PATH, EVENT)
    assert_answer(response, 200, recorded(id_in(response)), KILL_SWITCH)
    assert uuid7.time_of(uuid_of(id_in(response))) == AT
    assert stored() == []


def test_while_the_switch_is_off_refusals_are_the_usual_ones(browser):
    set_to(collect_enabled="false")
    large = EVENT | {"event_data": {"a": "x" * 10_000}}
    details = [("event_data", "Exceeds 10000 bytes")]
    assert_refused(browser.post(PATH, large), 400, "event_data is too large", details=details)
    assert_refused(
        browser.post(PATH, EVENT, content_type="text/plain"), 415, "Unsupported media type"
    )
    assert_refused_session(Api().post(PATH, EVENT))


def test_the_switch_needs_no_database_of_events(browser, analytics_away):
    set_to(collect_enabled="false")
    assert browser.post(PATH, EVENT)["X-Event-Outcome"] == KILL_SWITCH["X-Event-Outcome"]


def test_the_switches_of_other_apis_do_not_matter(browser):
    others = ("tracking", "activity", "platform", "events")
    set_to(**{f"{name}_enabled": "false" for name in others})
    assert_stored(browser.post(PATH, EVENT))


def test_the_cap_can_be_changed(browser):
    set_to(max_event_data_bytes=2)
    assert_stored(browser.post(PATH, event()))
    CollectedEvent.objects.all().delete()
    details = [("event_data", "Exceeds 2 bytes")]
    response = browser.post(PATH, event(event_data={"": 0}))
    assert_refused(response, 400, "event_data is too large", details=details)


@pytest.mark.parametrize("is_salt_known", [True, False])
def test_without_the_analytics_database_it_says_so(browser, is_salt_known):
    if is_salt_known:
        address_hash.hash_address("127.0.0.1")
    with away("analytics", "the analytics database is away"):
        assert_answer(browser.post(PATH, EVENT), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored() == []
    address_hash.reset()
    assert_stored(browser.post(PATH, EVENT))


def test_without_the_main_database_no_session_can_be_checked(browser):
    with away("default", "the main database is away"):
        assert_answer(browser.post(PATH, EVENT), 503, UNAVAILABLE, WRITE_FAILED)
    assert stored() == []


def test_without_a_confirmation_it_says_so(browser, monkeypatch):
    def fail(*group):
        raise OperationalError("no answer")

    monkeypatch.setattr(commit, "store_group", fail)
    assert_answer(browser.post(PATH, EVENT), 503, UNAVAILABLE, WRITE_FAILED)


def test_a_row_that_the_database_refuses_is_the_services_fault(browser, refuse_type):
    refuse_type("bad")
    response = browser.post(PATH, EVENT | {"event_type": "bad"})
    assert_answer(response, 500, SERVER_ERROR, WRITE_FAILED)
    assert stored() == []
    assert_stored(browser.post(PATH, EVENT))


@pytest.fixture
def refuse_type(db):
    """Let the database alone refuse events of a type."""

    def refuse(type):
        with connections["analytics"].cursor() as cursor:
            cursor.execute(
                "ALTER TABLE analytics_collectedevent "
                f"ADD CONSTRAINT refused CHECK (event_type <> '{type}')"
            )

    return refuse


def test_a_crash_is_told_without_details(browser, monkeypatch, caplog):
    monkeypatch.setattr("analytics.collect.api.store", None)
    assert_answer(browser.post(PATH, EVENT), 500, SERVER_ERROR, WRITE_FAILED)
    assert "NoneType" in caplog.text


def test_no_address_is_logged(browser, caplog):
    caplog.set_level(logging.DEBUG)
    assert_stored(browser.post(PATH, EVENT, REMOTE_ADDR="198.51.100.7"))
    assert "198.51.100.7" not in caplog.text


def test_a_session_costs_one_query_once_it_is_known(browser, django_assert_num_queries):
    browser.post(PATH, b"{")
    with django_assert_num_queries(1, using="default"):
        assert_stored(browser.post(PATH, EVENT))
