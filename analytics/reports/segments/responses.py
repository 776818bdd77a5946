"""Response bodies of segments."""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from msgspec import Meta

from config.api.bodies import AlwaysTrue, Body, Count, Timestamp

EXAMPLE = {
    "id": "019c0428-0ea0-7bae-841b-02c41ed0fd8a",
    "name": "Customers at a desk",
    "query": "page=%2Faccount&device=desktop",
    "createdAt": "2026-01-28T10:31:00.000Z",
}


class SegmentBody(Body, rename="camel"):
    """A segment of a website."""

    id: UUID
    name: str
    query: Annotated[str, Meta(description="Conditions, to be added to a query of `stats`.")]
    created_at: Timestamp

    example: ClassVar[Any] = EXAMPLE


class SegmentList(Body):
    """All segments of a website, by name."""

    segments: list[SegmentBody]
    total: Count

    example: ClassVar[Any] = {"segments": [EXAMPLE], "total": 1}


class SegmentDeleted(Body):
    """The segment is gone; links with its filters stay as they are."""

    success: AlwaysTrue = True
    message: Literal["Segment deleted successfully"] = "Segment deleted successfully"

    example: ClassVar[Any] = {"success": True, "message": "Segment deleted successfully"}
