"""POST /api/v1/analytics/track: failures of storage"""

from uuid import UUID

import pytest
from django.db import connections
from prometheus_client import REGISTRY

from analytics.funnel.ingest import TABLE
from analytics.funnel.models import FunnelEvent, FunnelEventRow
from analytics.ingest import writer
from config.api.errors import StorageUnavailable
from config.api.outcomes import Outcome
from config.db import uuid7
from tests.support.funnel import (
    FULL_EVENT,
    PATH,
    STORED,
    TRACKED,
    WRITE_FAILED,
    assert_track_error,
    forged_token,
    stored_rows,
    tracked_total,
)
from tests.support.inline_writer import InlineWriter
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

BAD_TOKEN = (401, "AUTH_UNAUTHORIZED", "Invalid or expired token", "auth.unauthorized")
CRASHED = (500, "INTERNAL_ERROR", "Internal server error", "common.internal_error")


def failing(*statement):
    raise AssertionError("nobody should ask this database")


class _NoWriter(InlineWriter):
    def write(self, items):
        raise StorageUnavailable


def test_a_failed_write_is_swallowed_logged_and_counted(api, token, caplog):
    before = tracked_total()
    labels = {"api": "track", "outcome": "dropped", "reason": "write_failed"}
    failed = REGISTRY.get_sample_value("millrace_ingest_total", labels) or 0
    writer.reset(_NoWriter)
    assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, WRITE_FAILED)
    assert caplog.messages == ["Event not stored: StorageUnavailable"]
    assert REGISTRY.get_sample_value("millrace_ingest_total", labels) == failed + 1
    assert (stored_rows(), tracked_total()) == ([], before)


def test_without_the_main_database_a_signed_token_is_enough(api, token, settings, request):
    expired = forged_token(token, settings, exp=1)
    writer.reset(_NoWriter)
    request.getfixturevalue("main_database_away")
    assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, WRITE_FAILED)
    assert_track_error(api.post(PATH, FULL_EVENT, token=expired), *BAD_TOKEN)


def test_the_analytics_database_is_not_needed(api, user, token):
    with connections["analytics"].execute_wrapper(failing):
        assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, STORED)
    assert len(stored_rows()) == 1


def test_an_event_of_a_user_that_was_just_deleted_is_lost(api, user, token, clock, caplog):
    assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, STORED)
    user.delete()
    before = tracked_total()
    assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, WRITE_FAILED)
    assert "Event not stored: RowRefused" in caplog.messages
    assert (stored_rows(), tracked_total()) == ([], before)


@pytest.mark.django_db(transaction=True, databases=["default", "analytics"])
def test_a_rejected_row_does_not_affect_others(user):
    def row_of(user_id):
        id = uuid7.new_id_now()
        return FunnelEventRow(id, uuid7.time_of(id), user_id, None, "a", "{}")

    nobody = UUID("019c0630-fe00-7d71-bb46-7075e0512424")
    rows = [row_of(user_id) for user_id in (user.id, nobody, user.id)]
    written = writer.write(TABLE, rows)
    assert written == [Outcome.STORED, Outcome.WRITE_FAILED, Outcome.STORED]
    assert set(FunnelEvent.objects.values_list("id", flat=True)) == {rows[0].id, rows[2].id}


def test_a_crash_is_reported_without_details(api, token, monkeypatch):
    def crash(*event):
        raise RuntimeError("a secret")

    monkeypatch.setattr("analytics.funnel.api.store", crash)
    assert_track_error(api.post(PATH, FULL_EVENT, token=token), *CRASHED, headers=WRITE_FAILED)
    assert stored_rows() == []
