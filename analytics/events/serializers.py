"""What the events API takes: the rules of an event, of a batch, of a list"""

from typing import Any, ClassVar

from analytics.events.fields import Clamped, EventId, Referrer, UnixMilliseconds
from analytics.events.models import DeviceType, EventType
from config import runtime
from config.api.fields import OPTIONAL, Choice, List, Text, Uuid
from config.api.json_object import JsonObject
from config.api.problems import Problem
from config.api.rules import at_least, at_most, matching, valid_url
from config.api.serializers import StrictSerializer
from config.db import uuid7

MAX_BATCH = 1000
MAX_URL_LENGTH = 2048


class ItemSerializer(StrictSerializer):
    """One event of a batch: its tracking code is looked up, whatever its form."""

    trackingCode = Text()
    eventType = Choice(*EventType.values)
    url = Text(
        at_most(MAX_URL_LENGTH, "URL too long", final=True),
        valid_url("Invalid URL"),
        at_least(1, "URL is required"),
    )
    referrer = Referrer(
        at_most(MAX_URL_LENGTH, "Referrer URL too long", final=True),
        valid_url("Invalid referrer URL"),
        **OPTIONAL,
    )
    sessionId = Text(at_least(1, "Session ID is required"), at_most(255, "Session ID too long"))
    visitorId = Text(at_least(1, "Visitor ID is required"), at_most(255, "Visitor ID too long"))
    deviceType = Choice(*DeviceType.values, **OPTIONAL)
    browser = Text(at_most(100, "Browser name too long"), **OPTIONAL)
    os = Text(at_most(100, "OS name too long"), **OPTIONAL)
    location = Text(at_most(100, "Location too long"), **OPTIONAL)
    timestamp = UnixMilliseconds(default=None)
    properties = JsonObject(
        max_bytes=runtime.max_event_data_bytes,
        error_messages={"too_large": "Properties exceed {max_bytes} bytes"},
        **OPTIONAL,
    )
    id = EventId(default=None)

    example: ClassVar[Any] = {
        "trackingCode": "pm-a7x9k2-1769596260000",
        "eventType": "pageview",
        "url": "https://example.com/blog/article-1",
        "referrer": "https://google.com",
        "sessionId": "sess-1",
        "visitorId": "vis-1",
        "deviceType": "desktop",
        "properties": {"articleId": "art-123", "readingTime": 5},
    }

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        """Require a timestamp to be the time inside an id."""
        sent, id = data.get("timestamp"), values.get("id")
        if id is None or (type(sent) is not int and type(sent) is not float):
            return []
        if int(sent) == uuid7.ms_of(id):
            return []
        message = "Timestamp does not match id"
        return [Problem("timestamp_mismatch", ("timestamp",), sent, message=message)]


class StoredSerializer(ItemSerializer):
    """An event that was stored before, here or elsewhere, of a website that is known."""

    trackingCode = None  # type: ignore[assignment]
    id = EventId()


class EventSerializer(ItemSerializer):
    """A single event."""

    trackingCode = Text(
        at_least(1, "Tracking code is required"),
        matching(r"\Apm-[\s\S]{0,61}\Z", "Invalid tracking code format"),
    )


class BatchSerializer(StrictSerializer):
    """Some events, of one website or several."""

    events = List(
        child=ItemSerializer(),
        min_length=1,
        max_length=MAX_BATCH,
        allow_invalid=True,
        error_messages={"too_short": "At least one event is required"},
    )

    example: ClassVar[Any] = {"events": [ItemSerializer.example]}


class ListQuery(StrictSerializer):
    """What to list; numbers that make no sense are brought into their range."""

    trackingCode = Text(at_least(1, "Tracking code is required"))
    eventType = Text(default=None)
    limit = Clamped(1, MAX_BATCH, default=100, zero=100)
    offset = Clamped(0, 1_000_000, default=0)
    cursor = Uuid(default=None, error_messages={"uuid_parsing": "Invalid cursor"})


EVENT, BATCH = EventSerializer().compile(), BatchSerializer().compile()
STORED = StoredSerializer().compile()
LIST_QUERY = ListQuery()
