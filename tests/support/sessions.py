"""Sessions and page views as pages send them, and responses"""

from datetime import UTC, datetime
from uuid import UUID

from prometheus_client import REGISTRY

from analytics.sessions.models import PageView, Session
from config import runtime
from config.api.errors import StorageUnavailable
from config.models import RuntimeSettings
from tests.support.inline_writer import InlineWriter
from tests.support.responses import CHECKED_HEADERS, assert_response

SESSION = "/api/v1/analytics/session"
PAGE_VIEW = "/api/v1/analytics/pageview"
UNKNOWN_ID = "019c0630-fe00-7d71-bb46-7075e0512424"
BIO_PAGE = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
SECRET = "dev-tracking-secret"
AT_MS = 1_769_630_400_000  # 2026-01-28T20:00:00Z, when TOKEN's bucket begins
AT = datetime(2026, 1, 28, 20, tzinfo=UTC)
TOKEN = "ec0db57b5734bbbbd99196993ecb8200"
TOO_LONG = 1_048_577
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1"
)
OK = {"success": True, "data": {"ok": True}}
NO_ID = {"success": True, "data": {"id": None}}
STRANGE_IDS = ["%00", "x", "😀", "x" * 5000, "' OR 1=1 --", UNKNOWN_ID.replace("-", ""), UNKNOWN_ID]
ERRORS = {
    400: ("VALIDATION_ERROR", "Validation failed", "common.validation_failed", {}),
    401: ("AUTH_UNAUTHORIZED", "Authentication required", "auth.unauthorized", {}),
    404: ("NOT_FOUND", "Route not found", "common.not_found", {}),
    405: ("METHOD_NOT_ALLOWED", "Method not allowed", "common.method_not_allowed", {}),
    413: (
        *("PAYLOAD_TOO_LARGE", "Request body is too large", "common.payload_too_large"),
        {"max": 1_048_576},
    ),
    415: (
        *("UNSUPPORTED_MEDIA_TYPE", "Unsupported media type", "common.unsupported_media_type"),
        {},
    ),
    500: ("INTERNAL_ERROR", "Internal server error", "common.internal_error", {}),
}


# Status to code, message, key for translation and its variables.


def leave_path(id):
    """Return the path at which a page view ends."""
    return f"{PAGE_VIEW}/{id}/leave"


def session_path(id, action):
    """Return the path of a heartbeat or an identification."""
    return f"{SESSION}/{id}/{action}"


def session_of(**changes):
    """Return a session with no more than it needs to be stored."""
    return {"visitorId": "vis-abc", "consentAnalytics": "granted"} | changes


def page_view_of(session_id, **changes):
    """Return a page view with no more than it needs to be stored."""
    return {"sessionId": session_id, "path": "/johndoe"} | changes


def dropped_header(reason):
    """Return the header of a response to a dropped event."""
    return {"X-Event-Outcome": f"dropped; reason={reason}"}


def assert_stored(response):
    """Demand the response to a stored session or page view; return its id."""
    id = UUID(response.json()["data"]["id"])
    assert id.version == 7
    body = {"success": True, "data": {"id": str(id)}}
    assert_response(response, 200, body, {"X-Event-Outcome": "stored"})
    return id


def assert_ok(response):
    """Demand the response to a stored change."""
    assert_response(response, 200, OK, {"X-Event-Outcome": "stored"})


def assert_error(response, status, *details, message=None, headers=None):
    """Demand an error of the track dialect, on an ingest route."""
    code, usual_message, i18n_key, variables = ERRORS[status]
    error = {
        "code": code,
        "message": message or usual_message,
        "i18nKey": i18n_key,
        "i18nVars": variables,
        "details": [{"message": detail} for detail in details],
        "correlationId": response["X-Request-Id"],
    }
    outcome = "dropped; reason=write_failed" if status >= 500 else "rejected"
    result = {} if status in (404, 405) else {"X-Event-Outcome": outcome}
    assert_response(response, status, {"success": False, "error": error}, result | (headers or {}))


def assert_rate_limited(response, seconds):
    """Demand a 429 that says in three places when to come back."""
    error = {
        "code": "THROTTLE_LIMIT_EXCEEDED",
        "message": "Too many requests",
        "i18nKey": "throttle.limit_exceeded",
        "i18nVars": {"retryAfter": seconds},
        "details": [],
        "correlationId": response["X-Request-Id"],
        "retryAfter": seconds,
    }
    body = {"success": False, "error": error, "retryAfter": seconds}
    assert (response.status_code, response.json()) == (429, body)
    headers = {name: response[name] for name in CHECKED_HEADERS if name in response}
    assert headers == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Retry-After": str(seconds),
        "X-Event-Outcome": "rejected",
    }


def switch(text):
    """Set the switch of the track API, as the admin does."""
    RuntimeSettings.load().change({"tracking_enabled": text}, changed_by="staff@example.com")
    runtime.expire()


def fail_writes(monkeypatch):
    """Let every write end as without the analytics database."""

    def refuse(self, items):
        raise StorageUnavailable

    monkeypatch.setattr(InlineWriter, "write", refuse)


def ingested_total(outcome, reason=""):
    """Return how many events of the track API ended so."""
    labels = {"api": "track", "outcome": outcome, "reason": reason}
    return REGISTRY.get_sample_value("millrace_ingest_total", labels) or 0


def leave(api, id, body, method="PATCH", **more):
    return getattr(api, method.lower())(leave_path(id), body, **more)


def session_use(session):
    """Return for how long, until when, and by whom a session is known to be used."""
    row = Session.objects.values_list("duration_seconds", "last_active_at", "user_id")
    return row.get(id=session.pk)


def all_rows():
    """Return every session and page view as they are stored."""
    return [*Session.objects.values(), *PageView.objects.values()]
