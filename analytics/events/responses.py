"""Response bodies of the events API."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from msgspec import UNSET, Meta, Raw, UnsetType, json

from analytics.events.ingest import StoreResult
from analytics.events.models import DeviceType, Event, EventRow, EventType
from config.api.bodies import AlwaysFalse, AlwaysTrue, Body, Count, Timestamp, enum, iso
from config.api.dialects.flat import Details
from config.api.errors import ApiError, Conflict, Invalid, NotFound, RowRefused
from config.db.json_text import text_of

INVALID_EVENT = "Invalid event data"
ERROR_CODES: dict[type[ApiError], str] = {  # of the items of a batch that were not stored
    Invalid: "VALIDATION_ERROR",
    NotFound: "NOT_FOUND",
    Conflict: "CONFLICT",
    RowRefused: "PROCESSING_ERROR",
}
EXAMPLE = {
    "id": "019c0630-fe00-70c8-aa3a-de3497964cb8",
    "websiteId": "019c0428-0ea0-7bae-841b-02c41ed0fd8a",
    "eventType": "pageview",
    "url": "https://example.com/blog/article-1",
    "referrer": "https://google.com",
    "sessionId": "sess-1",
    "visitorId": "vis-1",
    "deviceType": "desktop",
    "browser": "Chrome",
    "os": "Windows",
    "location": "US",
    "createdAt": "2026-01-28T20:00:00.000Z",
}
BRIEF_EXAMPLE = {
    name: EXAMPLE[name] for name in ("id", "websiteId", "eventType", "url", "createdAt")
}

EventTypeName = Annotated[str, enum(EventType.values)]
DeviceTypeName = Annotated[str, enum(DeviceType.values)]
EventTime = Annotated[Timestamp, Meta(description="The time of the event; also that in its id.")]


class EventBody(Body, rename="camel"):
    """The event as it was stored."""

    id: UUID
    website_id: UUID
    event_type: EventTypeName
    url: str
    referrer: str | None
    session_id: str
    visitor_id: str
    device_type: DeviceTypeName | None
    browser: str | None
    os: str | None
    location: str | None
    created_at: EventTime

    example: ClassVar[Any] = EXAMPLE


class DuplicateEvent(EventBody):
    """The event that was stored before under this id."""


class FullEvent(EventBody):
    """One event with all its data."""

    properties: dict[str, Any] | None

    example: ClassVar[Any] = EXAMPLE | {"properties": {"articleId": "art-123", "readingTime": 5}}

    @classmethod
    def of(cls, event: Event) -> Self:
        """Return the body of an event, its properties with every digit that came."""
        body = cls.from_attributes(event)
        body.properties = Raw(json.format(text_of(event.properties), indent=-1))  # type: ignore[assignment]
        return body


class ListedEvent(Body, rename="camel"):
    """An event as a list shows it."""

    id: UUID
    event_type: EventTypeName
    url: str
    referrer: str | None
    session_id: str
    visitor_id: str
    device_type: DeviceTypeName | None
    browser: str | None
    os: str | None
    location: str | None
    created_at: EventTime


class Pagination(Body, rename="camel"):
    """Where a page is in the whole list, and how it was asked for."""

    total: Count
    limit: Annotated[int, Meta(ge=1)]
    offset: Count
    next_cursor: Annotated[UUID | None, Meta(description="Null on the last page.")]


class EventPage(Body):
    """One page of a website's events, the newest first."""

    events: list[ListedEvent]
    pagination: Pagination

    example: ClassVar[Any] = {
        "events": [{name: value for name, value in EXAMPLE.items() if name != "websiteId"}],
        "pagination": {"total": 37, "limit": 1, "offset": 0, "nextCursor": EXAMPLE["id"]},
    }

    @classmethod
    def of(cls, found: Sequence[Event], *, total: int, limit: int, offset: int) -> Self:
        """Return a page of `limit` events; one more was looked for, to know whether it exists."""
        page = found[:limit]
        next_cursor = page[-1].id if len(found) > limit else None
        pagination = Pagination(total, limit, offset, next_cursor)
        return cls([ListedEvent.from_attributes(event) for event in page], pagination)


class BriefEvent(Body, rename="camel"):
    """An event as a batch shows it."""

    id: UUID
    website_id: UUID
    event_type: EventTypeName
    url: str
    created_at: Timestamp

    @classmethod
    def of(cls, event: Event | EventRow) -> Self:
        """Return the body of an event; faster than from_attributes, since batches have many."""
        at = iso(event.created_at)
        return cls(event.id, event.website_id, event.event_type, event.url, at)


class ItemError(Body):
    """An event of a batch that was not stored."""

    index: Annotated[int, Meta(ge=0, description="Its place in the request, from 0.")]
    error: Annotated[str, enum(ERROR_CODES.values())]
    message: str
    details: Annotated[
        Details | UnsetType, Meta(description="The broken rules, of a VALIDATION_ERROR alone.")
    ] = UNSET

    @classmethod
    def of(cls, index: int, error: ApiError) -> Self:
        """Return the error of an item; the database's own reason is not for clients."""
        code = ERROR_CODES[type(error)]
        if isinstance(error, Invalid):
            return cls(index, code, INVALID_EVENT, Details.of(error.problems))
        return cls(index, code, getattr(error, "message", "Event could not be stored"))


class CreatedBatch(Body, rename="camel", kw_only=True):
    """No item failed."""

    success: AlwaysTrue = True
    events_created: Count
    events: list[BriefEvent]
    message: str

    example: ClassVar[Any] = {
        "success": True,
        "eventsCreated": 1,
        "events": [BRIEF_EXAMPLE],
        "message": "Successfully created 1 events",
    }


class PartialBatch(Body, rename="camel", kw_only=True):
    """At least one item failed, or all of them; the others are stored."""

    success: AlwaysFalse = False
    events_created: Count
    events: list[BriefEvent]
    errors: Annotated[list[ItemError], Meta(min_length=1)]
    message: str

    example: ClassVar[Any] = {
        "success": False,
        "eventsCreated": 1,
        "events": [BRIEF_EXAMPLE],
        "errors": [
            {
                "index": 1,
                "error": "NOT_FOUND",
                "message": 'Website with tracking code "invalid" not found',
            },
            {
                "index": 2,
                "error": "VALIDATION_ERROR",
                "message": INVALID_EVENT,
                "details": {"formErrors": [], "fieldErrors": {"url": ["Invalid URL"]}},
            },
        ],
        "message": "Created 1 events with 2 errors",
    }


def batch_body(results: Sequence[StoreResult]) -> CreatedBatch | PartialBatch:
    """Return the body for a batch: each event that is stored once, and the items that are not."""
    events, errors = [], []
    for index, result in enumerate(results):
        if result.error:
            errors.append(ItemError.of(index, result.error))
        elif result.event and not result.is_repeated:
            events.append(BriefEvent.of(result.event))
    created = len(events)
    if errors:
        message = f"Created {created} events with {len(errors)} errors"
        return PartialBatch(events_created=created, events=events, errors=errors, message=message)
    message = f"Successfully created {created} events"
    return CreatedBatch(events_created=created, events=events, message=message)
