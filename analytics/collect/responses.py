"""Response bodies of the collect API."""

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from analytics.collect.models import public_id
from config.api.bodies import AlwaysTrue, Body, pattern

PublicId = Annotated[str, pattern("^evt_[0-9a-f]{32}$")]


class Recorded(Body, kw_only=True):
    """The event is taken; `X-Event-Outcome` tells whether it was stored."""

    success: AlwaysTrue = True
    event_id: PublicId
    message: Literal["Event recorded successfully"] = "Event recorded successfully"

    example: ClassVar[Any] = {
        "success": True,
        "event_id": "evt_019c0630fe00764c826b6b33f307cecf",
        "message": "Event recorded successfully",
    }

    @classmethod
    def of(cls, id: UUID) -> Self:
        return cls(event_id=public_id(id))


class ItemResult(Body):
    """What became of one event of a batch: its id, or what was wrong."""

    success: bool
    event_id: PublicId | UnsetType = UNSET
    error: str | UnsetType = UNSET

    @classmethod
    def recorded(cls, id: UUID) -> Self:
        return cls(success=True, event_id=public_id(id))

    @classmethod
    def failed(cls, error: str) -> Self:
        return cls(success=False, error=error)


class RecordedBatch(Body, kw_only=True):
    """The events of a batch are taken, each for itself."""

    success: AlwaysTrue = True
    processed: Annotated[int, Meta(ge=1, le=100)]
    results: Annotated[list[ItemResult], Meta(description="One for each event, in order.")]

    example: ClassVar[Any] = {
        "success": True,
        "processed": 2,
        "results": [
            {"success": True, "event_id": "evt_019c0630fe00703da254a6d94bacc82e"},
            {"success": False, "error": "event_data must be an object"},
        ],
    }
