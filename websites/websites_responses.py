"""Response bodies of the websites API."""

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from msgspec import Meta, convert

from config.api.bodies import AlwaysTrue, Body, Count, Timestamp, enum, pattern
from websites.models import Website, default_page_rules
from websites.settings import TRAILING_SLASHES

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


class PageRules(Body, rename="camel"):
    """How URLs become pages in statistics."""

    query_keys: Annotated[list[str], Meta(description="Parameters that are part of a page.")]
    trailing_slash: Annotated[str, enum(TRAILING_SLASHES)]
    patterns: Annotated[list[str], Meta(description="Paths that count as one page: `/user/*`.")]


class WebsiteSettings(Body, rename="camel"):
    """The settings of a website."""

    timezone: Annotated[str, Meta(description="Whose days its statistics have.")]
    honour_privacy_signals: Annotated[
        bool, Meta(description="Whether `Sec-GPC: 1` and `DNT: 1` drop events.")
    ]
    allowed_hosts: Annotated[
        list[str], Meta(description="Whose events are stored; none allows all hosts.")
    ]
    ignored_networks: Annotated[
        list[str], Meta(description="Addresses and networks whose events are dropped.")
    ]
    page_rules: PageRules

    example: ClassVar[Any] = {
        "timezone": "Europe/Berlin",
        "honourPrivacySignals": False,
        "allowedHosts": ["example.com", "*.example.com"],
        "ignoredNetworks": ["192.0.2.0/24"],
        "pageRules": {"queryKeys": ["id"], "trailingSlash": "remove", "patterns": ["/user/*"]},
    }

    @classmethod
    def of(cls, website: Website) -> Self:
        rules = convert(default_page_rules() | website.page_rules, PageRules)
        return cls(
            website.timezone,
            website.honour_privacy_signals,
            website.allowed_hosts,
            website.ignored_networks,
            rules,
        )


class Deleted(Body):
    """The website is gone; its events cannot be read any more."""

    success: AlwaysTrue = True
    message: Literal["Website deleted successfully"] = "Website deleted successfully"

    example: ClassVar[Any] = {"success": True, "message": "Website deleted successfully"}
