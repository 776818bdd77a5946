"""Funnel events, responses and rows"""

from datetime import UTC, datetime, timedelta

import jwt
from prometheus_client import REGISTRY

from analytics.funnel.models import FunnelEvent
from config.db import uuid7
from tests.support.responses import assert_response
from websites.models import User

PATH = "/api/v1/analytics/track"
NO_DAY = "must be a day of the years 2000 to 2099 such as 2026-10-01"
TRACKED = {"success": True, "data": {"tracked": True}}
STORED = {"X-Event-Outcome": "stored"}
REJECTED = {"X-Event-Outcome": "rejected"}
KILL_SWITCH = {"X-Event-Outcome": "dropped; reason=kill_switch"}
WRITE_FAILED = {"X-Event-Outcome": "dropped; reason=write_failed"}
FULL_EVENT = {
    "event": "bio_link_click",
    "sessionId": "019c0630-fe00-7d71-bb46-7075e0512424",
    "deviceType": "mobile",
    "locale": "tr-TR",
    "properties": {"linkId": "abc-123", "position": 2},
}


def stored_rows():
    """Return what the rows of all events hold, the oldest first."""
    names = ("user_id", "session_id", "event_type", "event_data")
    return list(FunnelEvent.objects.order_by("id").values_list(*names))


def assert_track_error(
    response, status, code, message, key, *, variables=None, details=(), headers=REJECTED
):
    """Demand an error of the track dialect, with all its six keys."""
    error = {
        "code": code,
        "message": message,
        "i18nKey": key,
        "i18nVars": variables or {},
        "details": [{"message": message} for message in details],
        "correlationId": response["X-Request-Id"],
    }
    assert_response(response, status, {"success": False, "error": error}, headers)


def assert_conflict(response):
    """Demand the error of a key that another user's event has."""
    expected = (409, "CONFLICT", "Idempotency key already in use", "common.conflict")
    assert_track_error(response, *expected)


def assert_invalid(response, *messages):
    """Demand a validation error with these messages, and no row."""
    expected = (400, "VALIDATION_ERROR", "Validation failed", "common.validation_failed")
    assert_track_error(response, *expected, details=messages)
    assert stored_rows() == []


def tracked_total():
    """Return how many events were stored, as Prometheus sees it."""
    return REGISTRY.get_sample_value("analytics_event_tracked_total")


def forged_token(token, settings, *, key=None, algorithm="HS256", **claims):
    """Return a token with other claims, another key or another algorithm."""
    known = jwt.decode(token, options={"verify_signature": False}) | claims
    return jwt.encode(
        known, key or (settings.TOKEN_KEYS[0] if algorithm != "none" else ""), algorithm
    )


def at(day, seconds=0.0):
    """Return a time on a day of October."""
    return datetime(2026, 10, day, 9, tzinfo=UTC) + timedelta(seconds=seconds)


def sign_up(when):
    id = uuid7.new_id(uuid7.to_ms(when))
    return User.objects.create(id=id, email=f"{id}@example.com", password="!")


def track(user, name, when):
    id = uuid7.new_id(uuid7.to_ms(when))
    FunnelEvent.objects.create(
        id=id, created_at=uuid7.time_of(id), user=user, event_type=name, event_data="{}"
    )
