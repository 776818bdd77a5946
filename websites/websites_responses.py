"""Response bodies of the websites API."""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from msgspec import Meta

from config.api.bodies import AlwaysTrue, Body, Count, Timestamp, pattern

EXAMPLE = {
    "id": "019c0428-0ea0-7bae-841b-02c41ed0fd8a",
    "userId": "019c0427-2440-74f8-996d-a763b7a969b1",
    "name": "My Website",
    "domain": "example.com",
    "description": "My example website",
    "trackingCode": "pm-a7x9k2-1769596260000",
    "isActive": True,
    "createdAt": "2026-01-28T10:31:00.000Z",
    "updatedAt": "2026-01-28T10:31:00.000Z",
}


class WebsiteBody(Body, rename="camel"):
    """One website."""

    id: UUID
    user_id: UUID
    name: str
    domain: str
    description: str | None
    tracking_code: Annotated[str, pattern("^pm-[a-z0-9]{6}-[0-9]{13}$")]
    is_active: Annotated[bool, Meta(description="Whether it takes events.")]
    created_at: Timestamp
    updated_at: Timestamp

    example: ClassVar[Any] = EXAMPLE


class WebsiteList(Body):
    """All websites of the caller, the newest first."""

    websites: list[WebsiteBody]
    total: Count

    example: ClassVar[Any] = {"websites": [EXAMPLE], "total": 1}


class Deleted(Body):
    """The website is gone; its events cannot be read any more."""

    success: AlwaysTrue = True
    message: Literal["Website deleted successfully"] = "Website deleted successfully"

    example: ClassVar[Any] = {"success": True, "message": "Website deleted successfully"}
