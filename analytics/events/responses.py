"""What the events API answers when all went well."""

from typing import Any, ClassVar

from rest_framework import serializers

from analytics.events.models import (
    DeviceType,
    EventType,
)
from config.api.answers import Answer

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


class ListedEvent(Answer):
    """An event as a list shows it."""

    id = serializers.UUIDField()
    eventType = serializers.ChoiceField(EventType.values)
    url = serializers.CharField()
    referrer = serializers.CharField(allow_null=True)
    sessionId = serializers.CharField()
    visitorId = serializers.CharField()
    deviceType = serializers.ChoiceField(DeviceType.values, allow_null=True)
    browser = serializers.CharField(allow_null=True)
    os = serializers.CharField(allow_null=True)
    location = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField(help_text="The time of the event; also that in its id.")


class ShownEvent(ListedEvent):
    """The event as it was stored."""

    websiteId = serializers.UUIDField()

    example: ClassVar[Any] = EXAMPLE


class KnownEvent(ShownEvent):
    """The event that was stored before under this id."""


class WholeEvent(ShownEvent):
    """One event with all its data."""

    properties = serializers.DictField(allow_null=True)

    example: ClassVar[Any] = EXAMPLE | {"properties": {"articleId": "art-123", "readingTime": 5}}


class BriefEvent(Answer):
    """An event as a batch shows it."""

    id = serializers.UUIDField()
    websiteId = serializers.UUIDField()
    eventType = serializers.ChoiceField(EventType.values)
    url = serializers.CharField()
    createdAt = serializers.DateTimeField()


class FailedItem(Answer):
    """An event of a batch that was not stored."""

    index = serializers.IntegerField(min_value=0, help_text="Its place in the request, from 0.")
    error = serializers.ChoiceField(["NOT_FOUND", "CONFLICT", "PROCESSING_ERROR"])
    message = serializers.CharField()


class CreatedBatch(Answer):
    """No item failed."""

    success = serializers.ChoiceField([True])
    eventsCreated = serializers.IntegerField(min_value=0)
    events = serializers.ListField(child=BriefEvent())
    message = serializers.CharField()

    example: ClassVar[Any] = {
        "success": True,
        "eventsCreated": 1,
        "events": [BRIEF_EXAMPLE],
        "message": "Successfully created 1 events",
    }


class PartialBatch(CreatedBatch):
    """At least one item failed, or all of them; the others are stored."""

    success = serializers.ChoiceField([False])
    errors = serializers.ListField(child=FailedItem(), min_length=1)  # type: ignore[assignment]

    example: ClassVar[Any] = {
        "success": False,
        "eventsCreated": 1,
        "events": [BRIEF_EXAMPLE],
        "errors": [
            {
                "index": 1,
                "error": "NOT_FOUND",
                "message": 'Website with tracking code "invalid" not found',
            }
        ],
        "message": "Created 1 events with 1 errors",
    }


class Pagination(Answer):
    """Where a page is in the whole list, and how it was asked for."""

    total = serializers.IntegerField(min_value=0)
    limit = serializers.IntegerField(min_value=1)
    offset = serializers.IntegerField(min_value=0)
    nextCursor = serializers.UUIDField(allow_null=True, help_text="Null on the last page.")


class EventPage(Answer):
    """One page of a website's events, the newest first."""

    events = serializers.ListField(child=ListedEvent())
    pagination = Pagination()

    example: ClassVar[Any] = {
        "events": [{name: value for name, value in EXAMPLE.items() if name != "websiteId"}],
        "pagination": {"total": 37, "limit": 1, "offset": 0, "nextCursor": EXAMPLE["id"]},
    }
