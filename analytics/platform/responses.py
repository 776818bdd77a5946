"""Response bodies of the platform API."""

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from msgspec import Meta

from analytics.ingest.group_writer import MAX_GROUP_ROWS, State
from analytics.platform import stats
from config.api.bodies import AlwaysTrue, Body, Count, Timestamp, iso
from config.db import uuid7

FLUSH_INTERVAL_SECONDS = 0  # the writer never waits on purpose
BUFFER_EXAMPLE = {
    "buffer_size": 0,
    "max_buffer_size": 10000,
    "flush_interval_seconds": 0,
    "last_flush": "2026-01-28T20:00:01.249Z",
    "events_pending": 0,
    "events_flushed_total": 3,
}

ServerTime = Annotated[Timestamp, Meta(description="The server's time.")]


class TrackedEvent(Body, kw_only=True):
    """The event is taken; `X-Event-Outcome` tells whether it was stored."""

    success: AlwaysTrue = True
    event_id: UUID
    message: Literal["Event tracked successfully"] = "Event tracked successfully"
    timestamp: ServerTime

    example: ClassVar[Any] = {
        "success": True,
        "event_id": "019c0630-fe00-7df6-9b25-a417e25753dc",
        "message": "Event tracked successfully",
        "timestamp": "2026-01-28T20:00:01.250Z",
    }

    @classmethod
    def of(cls, id: UUID) -> Self:
        return cls(event_id=id, timestamp=iso(uuid7.now()))


class QueuedBatch(Body):
    """The batch is taken; `X-Event-Outcome` tells whether any of it was stored."""

    success: Annotated[bool, Meta(description="Whether no event failed.")]
    events_received: Annotated[int, Meta(ge=1)]
    events_queued: Count
    events_failed: Count
    message: str
    timestamp: ServerTime

    example: ClassVar[Any] = {
        "success": True,
        "events_received": 2,
        "events_queued": 2,
        "events_failed": 0,
        "message": "Queued 2 events",
        "timestamp": "2026-01-28T20:00:01.250Z",
    }

    @classmethod
    def of(cls, received: int, failed: int) -> Self:
        """Return the body for a batch of some events, of which some were not stored."""
        queued = received - failed
        return cls(
            success=not failed,
            events_received=received,
            events_queued=queued,
            events_failed=failed,
            message=f"Queued {queued} events",
            timestamp=iso(uuid7.now()),
        )


class Buffer(Body):
    """The writer of the process that answers."""

    buffer_size: Annotated[int, Meta(ge=0, description="Rows that wait now.")]
    max_buffer_size: Annotated[int, Meta(ge=1, description="Rows that one transaction takes.")]
    flush_interval_seconds: Count
    last_flush: Annotated[Timestamp | None, Meta(description="Its last commit.")]
    events_pending: Count
    events_flushed_total: Count

    @classmethod
    def of(cls, state: State) -> Self:
        """Return the state of a writer."""
        return cls(
            buffer_size=state.waiting_rows,
            max_buffer_size=MAX_GROUP_ROWS,
            flush_interval_seconds=FLUSH_INTERVAL_SECONDS,
            last_flush=iso(state.last_commit_at) if state.last_commit_at else None,
            events_pending=state.waiting_rows,
            events_flushed_total=state.committed_rows,
        )


class Stats(Body):
    """Figures of the events of all users."""

    total_events: Count
    events_by_category: dict[str, Annotated[int, Meta(ge=1)]]
    events_today: Count
    events_this_hour: Count
    buffer_status: Buffer

    example: ClassVar[Any] = {
        "total_events": 3,
        "events_by_category": {"trading": 1, "user_action": 1, "feature": 1},
        "events_today": 3,
        "events_this_hour": 3,
        "buffer_status": BUFFER_EXAMPLE,
    }

    @classmethod
    def of(cls, numbers: stats.Stats, state: State) -> Self:
        """Return the numbers of events, and the state of the writer."""
        return cls(
            total_events=numbers.total,
            events_by_category=numbers.by_category,
            events_today=numbers.today,
            events_this_hour=numbers.this_hour,
            buffer_status=Buffer.of(state),
        )


class Healthy(Body, kw_only=True):
    """The analytics database answers."""

    status: Literal["healthy"] = "healthy"
    service: Literal["analytics"] = "analytics"
    timestamp: Timestamp
    buffer: Buffer

    example: ClassVar[Any] = {
        "status": "healthy",
        "service": "analytics",
        "timestamp": "2026-01-28T20:00:05.000Z",
        "buffer": BUFFER_EXAMPLE,
    }


class Unhealthy(Body, kw_only=True):
    """The analytics database does not answer in time."""

    status: Literal["unhealthy"] = "unhealthy"
    service: Literal["analytics"] = "analytics"
    timestamp: Timestamp
    buffer: Buffer

    example: ClassVar[Any] = Healthy.example | {"status": "unhealthy"}
