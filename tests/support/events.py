"""Events of websites, responses and rows"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from analytics.events.models import Event, EventRow
from config.db import uuid7
from tests.support.responses import assert_response

PATH = "/api/v1/events"
BATCH_PATH = "/api/v1/events/batch"
AT_MS = 1_769_630_400_000
AT = datetime(2026, 1, 28, 20, 0, tzinfo=UTC)
AT_TEXT = "2026-01-28T20:00:00.000Z"
ID = "019c0630-fe00-70c8-aa3a-de3497964cb8"  # its time is AT
STORED = {"X-Event-Outcome": "stored"}
DUPLICATE = {"X-Event-Outcome": "duplicate"}
REJECTED = {"X-Event-Outcome": "rejected"}
KILL_SWITCH = {"X-Event-Outcome": "dropped; reason=kill_switch"}
WRITE_FAILED = {"X-Event-Outcome": "dropped; reason=write_failed"}
UNAVAILABLE = {"error": "SERVICE_UNAVAILABLE", "message": "Event storage is unavailable"}
NOW_MS = 1_800_000_000_123
EARLIEST_MS = 1_420_070_400_000
DAY_MS = 86_400_000


def event_of(website, **changes):
    """Return an event with no more than it needs."""
    required = {
        "trackingCode": website.tracking_code,
        "eventType": "pageview",
        "url": "https://example.com/",
        "sessionId": "sess-1",
        "visitorId": "vis-1",
    }
    return required | changes


def full_event_of(website, **changes):
    """Return an event in which every optional field but `id` comes."""
    optional = {
        "url": "https://example.com/blog/article-1",
        "referrer": "https://google.com",
        "deviceType": "desktop",
        "browser": "Chrome",
        "os": "Windows",
        "location": "US",
        "timestamp": AT_MS,
        "properties": {"articleId": "art-123", "readingTime": 5},
    }
    return event_of(website, **optional | changes)


def event_body(sent, website, *, id, at=AT_TEXT):
    """Return the twelve keys under which an event is shown."""
    copied = [
        *("eventType", "url", "referrer", "sessionId", "visitorId"),
        *("deviceType", "browser", "os", "location"),
    ]
    own = {"id": id, "websiteId": str(website.id), "createdAt": at}
    return own | {name: sent.get(name) for name in copied}


def batch_item(sent, website, *, id, at=AT_TEXT):
    """Return the five keys under which a batch shows an event."""
    body = event_body(sent, website, id=id, at=at)
    return {name: body[name] for name in ("id", "websiteId", "eventType", "url", "createdAt")}


def stored_rows():
    """Return the rows of all events, the newest first, each a value for every column."""
    return list(Event.objects.newest_first().values())


def expected_row(sent, website, *, id, at=AT):
    """Return the row that an event becomes."""
    return {
        "id": UUID(id),
        "created_at": at,
        "website_id": website.id,
        "event_type": sent["eventType"],
        "url": sent["url"],
        "referrer": sent.get("referrer"),
        "session_id": sent["sessionId"],
        "visitor_id": sent["visitorId"],
        "device_type": sent.get("deviceType"),
        "browser": sent.get("browser"),
        "os": sent.get("os"),
        "location": sent.get("location"),
        "properties": sent.get("properties"),
    }


def validation_body(*, fields=None, form=(), message="Invalid event data"):
    """Return the body of a validation error."""
    details = {"formErrors": list(form), "fieldErrors": fields or {}}
    return {"error": "VALIDATION_ERROR", "message": message, "details": details}


def store_event(ms=AT_MS, **fields):
    """Store an event of a time in Unix milliseconds; return it."""
    usual = {
        "id": uuid7.new_id(ms),
        "created_at": uuid7.from_ms(ms),
        "website_id": uuid7.new_id(ms),
        "event_type": "pageview",
        "url": "https://example.com/",
        "session_id": "sess-1",
        "visitor_id": "vis-1",
    }
    return Event.objects.create(**usual | fields)


def assert_rejected(response, status, body, headers=None):
    """Demand an error with the outcome `rejected`, and no row."""
    assert_response(response, status, body, REJECTED | (headers or {}))
    assert not Event.objects.exists()


def new_id(ms=AT_MS):
    """Return a new UUIDv7 for a time in Unix milliseconds, as text."""
    return str(uuid7.new_id(ms))


def new_row(id=None, **changes):
    """Return a row as it goes to the writer."""
    values: dict[str, Any] = {
        "id": id or uuid7.new_id(AT_MS),
        "created_at": AT,
        "website_id": uuid7.new_id(AT_MS),
        "event_type": "pageview",
        "url": "https://example.com/",
        "referrer": None,
        "session_id": "sess-1",
        "visitor_id": "vis-1",
        "device_type": None,
        "browser": None,
        "os": None,
        "location": None,
        "properties": None,
    }
    return EventRow(**values | changes)


def partial_body(events, errors):
    """Return the body in which some events failed, each as (index, error, message, details)."""
    names = ("index", "error", "message", "details")
    return {
        "success": False,
        "eventsCreated": len(events),
        "events": events,
        "errors": [dict(zip(names, error, strict=False)) for error in errors],
        "message": f"Created {len(events)} events with {len(errors)} errors",
    }


def invalid_item(index, **details):
    """Return the error of an event of a batch that breaks rules."""
    body = validation_body(**details)
    return index, body["error"], body["message"], body["details"]


def unknown_website_item(index, code):
    """Return the error of an event of a batch whose website is unknown."""
    return index, "NOT_FOUND", f'Website with tracking code "{code}" not found'


def ids_of(response):
    return [event["id"] for event in response.json()["events"]]


def page_body(*events, total, limit=100, offset=0, cursor=None):
    """Return the body of a page of the list."""
    counts = {"total": total, "limit": limit, "offset": offset, "nextCursor": cursor}
    return {"events": list(events), "pagination": counts}


BAD_CURSOR = validation_body(
    fields={"cursor": ["Invalid cursor"]}, message="Invalid query parameters"
)
