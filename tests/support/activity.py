"""Activity events and responses"""

from uuid import UUID

from activity.models import ActivityEvent
from config import runtime
from config.models import RuntimeSettings
from tests.support.responses import assert_response

PATH = "/api/v1/activity/events"
ACCEPTED = {"status": "accepted"}
STORED = {"X-Event-Outcome": "stored"}
REJECTED = {"X-Event-Outcome": "rejected"}
WRITE_FAILED = {"X-Event-Outcome": "dropped; reason=write_failed"}
BAD_TYPE = ("INVALID_ACTIVITY_EVENT", "Invalid activity event type", {"field": "type"})
BAD_FIELDS = ("INVALID_ACTIVITY_EVENT", "Invalid activity event fields")
BAD_METADATA = ("INVALID_ACTIVITY_EVENT", "Activity metadata is too large", {"field": "metadata"})
BAD_TOKEN = ("UNAUTHORIZED", "Invalid bearer token")
BAD_BODY = ("INVALID_INPUT", "Invalid request body")


def frontend_rows():
    """Return the rows of front ends, the oldest first."""
    return list(ActivityEvent.objects.filter(method="FRONTEND").order_by("id"))


def request_rows():
    """Return the rows of the recorder, the oldest first."""
    return list(ActivityEvent.objects.exclude(method="FRONTEND").order_by("id"))


def row_of(response):
    """Return the recorder's row of the request that got a response."""
    row = ActivityEvent.objects.get(metadata__request_id=response["X-Request-Id"])
    assert UUID(str(row.id)).version == 7
    return row


def assert_accepted(response):
    """Demand the response to a stored event."""
    assert_response(response, 202, ACCEPTED, STORED)


def assert_activity_error(response, status, code, message, details=None, *, headers=REJECTED):
    """Demand an error of the activity dialect, and that no front end's row was stored."""
    error = {"code": code, "message": message} | ({"details": details} if details else {})
    assert_response(response, status, {"error": error}, headers)
    assert frontend_rows() == []


def switch(text):
    """Set the switch of activity, as the admin does."""
    RuntimeSettings.load().change({"activity_enabled": text}, changed_by="staff@example.com")
    runtime.expire()
