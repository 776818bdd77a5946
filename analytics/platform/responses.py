"""What the platform API answers when all went well."""

from typing import Any, ClassVar

from rest_framework import serializers

from config.api.answers import Answer

BUFFER_EXAMPLE = {
    "buffer_size": 0,
    "max_buffer_size": 10000,
    "flush_interval_seconds": 0,
    "last_flush": "2026-01-28T20:00:01.249Z",
    "events_pending": 0,
    "events_flushed_total": 3,
}


class TrackedEvent(Answer):
    """The event is taken; `X-Event-Outcome` tells whether it was stored."""

    success = serializers.ChoiceField([True])
    event_id = serializers.UUIDField()
    message = serializers.ChoiceField(["Event tracked successfully"])
    timestamp = serializers.DateTimeField(help_text="The server's time.")

    example: ClassVar[Any] = {
        "success": True,
        "event_id": "019c0630-fe00-7df6-9b25-a417e25753dc",
        "message": "Event tracked successfully",
        "timestamp": "2026-01-28T20:00:01.250Z",
    }


class QueuedBatch(Answer):
    """The batch is taken; `X-Event-Outcome` tells whether any of it was stored."""

    success = serializers.BooleanField(help_text="Whether no event failed.")
    events_received = serializers.IntegerField(min_value=1)
    events_queued = serializers.IntegerField(min_value=0)
    events_failed = serializers.IntegerField(min_value=0)
    message = serializers.CharField()
    timestamp = serializers.DateTimeField(help_text="The server's time.")

    example: ClassVar[Any] = {
        "success": True,
        "events_received": 2,
        "events_queued": 2,
        "events_failed": 0,
        "message": "Queued 2 events",
        "timestamp": "2026-01-28T20:00:01.250Z",
    }


class Buffer(Answer):
    """The writer of the process that answers."""

    buffer_size = serializers.IntegerField(min_value=0, help_text="Rows that wait now.")
    max_buffer_size = serializers.IntegerField(min_value=1, help_text="Rows that may wait.")
    flush_interval_seconds = serializers.IntegerField(min_value=0)
    last_flush = serializers.DateTimeField(allow_null=True, help_text="Its last commit.")
    events_pending = serializers.IntegerField(min_value=0)
    events_flushed_total = serializers.IntegerField(min_value=0)


class Stats(Answer):
    """Figures of the events of all users."""

    total_events = serializers.IntegerField(min_value=0)
    events_by_category = serializers.DictField(child=serializers.IntegerField(min_value=1))
    events_today = serializers.IntegerField(min_value=0)
    events_this_hour = serializers.IntegerField(min_value=0)
    buffer_status = Buffer()

    example: ClassVar[Any] = {
        "total_events": 3,
        "events_by_category": {"trading": 1, "user_action": 1, "feature": 1},
        "events_today": 3,
        "events_this_hour": 3,
        "buffer_status": BUFFER_EXAMPLE,
    }


class Healthy(Answer):
    """The analytics database answers."""

    status = serializers.ChoiceField(["healthy"])
    service = serializers.ChoiceField(["analytics"])
    timestamp = serializers.DateTimeField()
    buffer = Buffer()

    example: ClassVar[Any] = {
        "status": "healthy",
        "service": "analytics",
        "timestamp": "2026-01-28T20:00:05.000Z",
        "buffer": BUFFER_EXAMPLE,
    }


class Unhealthy(Healthy):
    """The analytics database does not answer in time."""

    status = serializers.ChoiceField(["unhealthy"])

    example: ClassVar[Any] = Healthy.example | {"status": "unhealthy"}
