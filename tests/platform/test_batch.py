"""POST /api/v1/analytics/batch"""

import pytest
from django.db import OperationalError, connections

from analytics.ingest import commit, writer
from config.db import uuid7
from tests.support.platform import (
    AT,
    AT_TEXT,
    BATCH_PATH,
    FULL_EVENT,
    KILL_SWITCH,
    MINIMAL_EVENT,
    PATH,
    REJECTED,
    STORED,
    UNAVAILABLE,
    WRITE_FAILED,
    assert_error,
    assert_queued,
    assert_totals_are_exact,
    assert_tracked,
    batch_of,
    stored_names,
    stored_rows,
    stored_totals,
)
from tests.support.responses import assert_response
from tests.support.runtime_settings import OFF, change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.fixture
def without_refused():
    """Let the database reject events named `refused`."""
    check = "ADD CHECK (event_name <> 'refused') NOT VALID"
    with connections["analytics"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE analytics_platformevent {check}")


def test_a_batch_is_stored_with_its_client(api, token, user):
    response = api.post(
        BATCH_PATH,
        batch_of(FULL_EVENT, {"event_name": "b", "category": "feature"}, client_id="w"),
        token=token,
    )
    assert_queued(response, 2)
    old, new = stored_rows()
    assert (old["event_name"], old["category"], old["created_at"]) == (
        "order_placed",
        "trading",
        AT,
    )
    assert (new["event_name"], new["category"], new["priority"]) == ("b", "feature", "medium")
    assert {(row["user_id"], row["client_id"]) for row in (old, new)} == {(user.id, "w")}
    assert_totals_are_exact()


@pytest.mark.parametrize("sent", [{}, {"client_id": None}])
def test_a_batch_without_a_client(api, token, sent):
    headers = {"User-Agent": "Firefox"}
    body = {"events": [MINIMAL_EVENT, FULL_EVENT], **sent}
    assert_queued(api.post(BATCH_PATH, body, token=token, headers=headers), 2)
    assert {row["client_id"] for row in stored_rows()} == {None}
    assert [row["user_agent"] for row in stored_rows()] == ["Terminal/2.0", "Firefox"]


def test_100_events_of_one_time_keep_their_order(api, token):
    called = [f"event-{n}" for n in range(100)]
    events = [{"event_name": name, "timestamp": AT_TEXT} for name in called]
    assert_queued(api.post(BATCH_PATH, batch_of(*events), token=token), 100)
    assert stored_names() == called
    assert {uuid7.time_of(row["id"]) for row in stored_rows()} == {AT}
    assert_totals_are_exact()


def test_events_of_several_times_lie_under_their_own(api, token):
    times = [1_769_630_400, 1_769_540_000, 1_769_630_399]
    api.post(
        BATCH_PATH, batch_of(*(MINIMAL_EVENT | {"timestamp": time} for time in times)), token=token
    )
    assert [uuid7.ms_of(row["id"]) // 1000 for row in stored_rows()] == sorted(times)
    assert_totals_are_exact()


# While the switch is off


@pytest.mark.parametrize("text", OFF)
def test_while_the_switch_is_off_nothing_is_stored(api, token, text):
    change_settings(platform_enabled=text)
    assert_tracked(api.post(PATH, MINIMAL_EVENT, token=token), KILL_SWITCH)
    assert_queued(
        api.post(BATCH_PATH, batch_of(MINIMAL_EVENT, FULL_EVENT), token=token),
        2,
        headers=KILL_SWITCH,
    )
    assert (stored_rows(), stored_totals()) == ([], ({}, {}))


def test_while_the_switch_is_off_all_checks_are_as_usual(api, token):
    change_settings(platform_enabled="false")
    assert_error(
        api.post(PATH, MINIMAL_EVENT, token="x"), 401, "Invalid or expired token", REJECTED
    )
    over = MINIMAL_EVENT | {"properties": {"a": "x" * 10_000}}
    for path, body in ((PATH, over), (BATCH_PATH, {"events": [over]}), (BATCH_PATH, {})):
        response = api.post(path, body, token=token)
        assert (response.status_code, response["X-Event-Outcome"]) == (422, "rejected")
    stats = api.get("/api/v1/analytics/stats", headers={"Authorization": f"Bearer {token}"})
    assert stats.status_code == 200


def test_after_the_switch_is_on_again_events_are_stored(api, token):
    change_settings(platform_enabled="false")
    api.post(PATH, {"event_name": "lost"}, token=token)
    change_settings(platform_enabled="true")
    assert_tracked(api.post(PATH, MINIMAL_EVENT, token=token))
    assert stored_names() == ["a"]


# Failures of storage


def test_a_single_event_that_the_database_rejects(api, token, without_refused):
    response = api.post(PATH, {"event_name": "refused"}, token=token)
    assert_error(response, 500, "Internal Server Error", WRITE_FAILED)
    assert stored_totals() == ({}, {})
    assert_tracked(api.post(PATH, MINIMAL_EVENT, token=token))
    assert_totals_are_exact()


@pytest.mark.parametrize("place", [0, 2, 4])
def test_of_a_batch_only_rows_that_the_database_rejects_fail(api, token, without_refused, place):
    called = ["a", "b", "c", "d", "e"]
    events = [{"event_name": name, "timestamp": AT_TEXT} for name in called]
    events[place]["event_name"] = "refused"
    assert_queued(api.post(BATCH_PATH, batch_of(*events), token=token), 4, failed=1, headers=STORED)
    del called[place]
    assert stored_names() == called
    assert_totals_are_exact()


def test_a_batch_of_which_the_database_rejects_every_row(api, token, without_refused):
    refused = {"event_name": "refused"}
    response = api.post(BATCH_PATH, batch_of(refused, refused), token=token)
    assert_queued(response, 0, failed=2, headers=WRITE_FAILED)
    assert (stored_rows(), stored_totals()) == ([], ({}, {}))


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_without_the_analytics_database(api, token, monkeypatch, path):
    def refuse(table, rows):
        raise OperationalError("the analytics database is away")

    body = MINIMAL_EVENT if path == PATH else {"events": [MINIMAL_EVENT, MINIMAL_EVENT]}
    with monkeypatch.context() as patch:
        patch.setattr(commit, "copy_rows", refuse)
        assert_response(api.post(path, body, token=token), 503, UNAVAILABLE, WRITE_FAILED)
    assert (stored_rows(), stored_totals()) == ([], ({}, {}))
    assert api.post(path, body, token=token)["X-Event-Outcome"] == "stored"


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_without_the_main_database_a_signed_token_is_enough(
    api, token, user, forge, path, main_database_away
):
    body = MINIMAL_EVENT if path == PATH else {"events": [MINIMAL_EVENT]}
    assert api.post(path, body, token=token)["X-Event-Outcome"] == "stored"
    assert [row["user_id"] for row in stored_rows()] == [user.id]
    expired = api.post(path, body, token=forge(exp=1))
    assert_response(expired, 401, {"detail": "Invalid or expired token"}, REJECTED)
    assert len(stored_rows()) == 1


@pytest.mark.parametrize("path", [PATH, BATCH_PATH])
def test_an_unexpected_error_has_no_details(api, token, monkeypatch, path):
    def crash(*rows):
        raise RuntimeError("a secret")

    monkeypatch.setattr(writer, "write", crash)
    body = MINIMAL_EVENT if path == PATH else {"events": [MINIMAL_EVENT]}
    response = api.post(path, body, token=token)
    assert_error(response, 500, "Internal Server Error", WRITE_FAILED)
