"""`activity.record()`: steps that other code records"""

import logging
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.test import RequestFactory

import activity
from activity.models import ActivityEvent
from analytics.ingest import background
from config.api import address_hash
from config.db import uuid7
from tests.support.activity import switch

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

ID = UUID("019c0630-fe00-70c8-aa3a-de3497964cb8")


@pytest.fixture
def incoming(user, token):
    """A request of the user, as a view of the host project has it."""
    request = RequestFactory().post(
        "/api/v1/projects/p-1/invoices",
        headers={"Authorization": f"Bearer {token}"},
        REMOTE_ADDR="203.0.113.7",
    )
    vars(request)["request_id"] = "6d0e0e6a-52c8-4f28-8f12-8d92c1d0a5c4"
    return request


def only_row():
    [row] = ActivityEvent.objects.all()
    return row


def test_a_step_without_a_request(clock):
    at = datetime(2026, 1, 28, 20, 0, tzinfo=UTC)
    clock.set(at)
    activity.record("invoice_paid", user_id=ID, project_id="p-1", metadata={"cents": 995})
    row = only_row()
    assert uuid7.time_of(row.id) == row.created_at == at
    assert row.event_type == "invoice_paid"
    assert (row.user_id, row.session_id, row.project_id) == (str(ID), None, "p-1")
    assert (row.method, row.path, row.status_code, row.duration_ms) == ("", "", 200, 0)
    assert row.metadata == {"cents": 995, "actor_type": "authenticated_user"}


def test_a_request_fills_in_what_the_arguments_leave_out(incoming, user):
    activity.record("invoice_paid", request=incoming, session_id=7, metadata={"actor_type": "x"})
    row = only_row()
    assert (row.user_id, row.session_id, row.project_id) == (str(user.id), "7", "p-1")
    assert (row.method, row.path) == ("POST", "/api/v1/projects/p-1/invoices")
    assert row.metadata == {
        "actor_type": "anonymous_session",
        "request_id": incoming.request_id,
        "remote_addr": address_hash.hash_address("203.0.113.7"),
    }


def test_arguments_win_over_the_request(incoming):
    activity.record("invoice_paid", request=incoming, user_id=ID, project_id="p-2")
    assert (only_row().user_id, only_row().project_id) == (str(ID), "p-2")


def test_ids_are_cut_and_nul_is_replaced():
    activity.record("x", user_id="a\0" + "b" * 200, session_id="\ud800")
    assert only_row().user_id == "a\ufffd" + "b" * 126
    assert only_row().session_id == "?"


@pytest.mark.parametrize("event_type", ["", "Invoice", "a b", "x" * 65, "a\n", "é", "frontend_a"])
def test_a_bad_type_is_a_mistake_of_the_caller(event_type):
    with pytest.raises(ValueError, match="is no event type"):
        activity.record(event_type)
    assert not ActivityEvent.objects.exists()


def test_metadata_at_the_limit_is_stored_and_one_byte_more_is_an_error():
    room = 16_384 - len('{"a":""}')
    activity.record("x", metadata={"a": "x" * room})
    assert len(only_row().metadata["a"]) == room
    with pytest.raises(ValueError, match="16385 bytes, more than 16384"):
        activity.record("x", metadata={"a": "x" * (room + 1)})
    with pytest.raises(ValueError, match="NUL characters are not allowed"):
        activity.record("x", metadata={"a": "\0"})
    with pytest.raises(TypeError):
        activity.record("x", metadata={"a": object()})
    assert ActivityEvent.objects.count() == 1


def test_while_the_switch_is_off_nothing_is_recorded():
    switch("false")
    activity.record("invoice_paid")
    assert not ActivityEvent.objects.exists()


def test_without_the_database_a_warning_is_logged(caplog, request):
    request.getfixturevalue("analytics_away")
    with caplog.at_level(logging.WARNING):
        activity.record("invoice_paid")
        background.drain()
    assert caplog.messages == [
        "activity_record_failed request_id=-; 1 rows lost since the last warning"
    ]
