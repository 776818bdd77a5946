"""Collected events, responses and rows"""

from uuid import UUID

from analytics.collect.models import CollectedEvent
from tests.support.accounts import PASSWORD
from tests.support.responses import assert_response

PATH = "/api/analytics/collect"
EVENT = {
    "event_type": "page_view",
    "event_data": {"page": "/dashboard", "referrer": "/login"},
    "timestamp": "2026-01-28T20:00:00Z",
}
STORED = {"X-Event-Outcome": "stored"}
REJECTED = {"X-Event-Outcome": "rejected"}
KILL_SWITCH = {"X-Event-Outcome": "dropped; reason=kill_switch"}
WRITE_FAILED = {"X-Event-Outcome": "dropped; reason=write_failed"}
UNAVAILABLE = {"success": False, "error": "Event storage is unavailable"}


def log_in(client, email="user@example.com"):
    """Begin a session in a client's cookies."""
    account = {"email": email, "password": PASSWORD}
    response = client.post("/api/v1/auth/session", account, content_type="application/json")
    assert response.status_code == 204


def event(**changes):
    """Return an event with no more than it needs."""
    return {"event_type": "click", "event_data": {}} | changes


def id_of(response):
    """Return the id of a response, in its public form."""
    return response.json()["event_id"]


def uuid_of(public_id):
    """Return the UUID of a public form."""
    assert public_id.startswith("evt_")
    id = UUID(public_id[4:])
    assert (id.hex, id.version) == (public_id[4:], 7)
    return id


def success_body(public_id):
    """Return the body for a single event."""
    return {"success": True, "event_id": public_id, "message": "Event recorded successfully"}


def stored_rows():
    """Return the rows of all events, the oldest first, each a value for every column."""
    return list(CollectedEvent.objects.order_by("id").values())


def assert_stored(response):
    """Demand the response to a stored event, and its row; return the row."""
    assert_response(response, 200, success_body(id_of(response)), STORED)
    return CollectedEvent.objects.filter(id=uuid_of(id_of(response))).values().get()


def assert_error(response, status, error, *, details=None, headers=None):
    """Demand an error of the dialect, and no row."""
    body = {"success": False, "error": error}
    if details is not None:
        body["details"] = [{"field": name, "message": text} for name, text in details]
    assert_response(response, status, body, REJECTED | (headers or {}))
    assert stored_rows() == []


def quota_of(response):
    """Return limit, remaining and reset from the headers of a response."""
    return tuple(int(response[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))


def assert_session_required(response):
    """Demand the 403 of a request without a session; Django may delete an invalid cookie."""
    body = {"success": False, "error": "Valid session required"}
    assert (response.status_code, response.json()) == (403, body)
    assert response["X-Event-Outcome"] == "rejected"
    assert "X-RateLimit-Limit" not in response
    assert stored_rows() == []
