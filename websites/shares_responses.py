"""Response bodies of shares."""

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from msgspec import Meta

from config.api.bodies import AlwaysTrue, Body, Count, Timestamp, iso
from websites.shares import IssuedShare

EXAMPLE = {
    "id": "019c0428-0ea0-7bae-841b-02c41ed0fd8a",
    "name": "Our agency",
    "createdAt": "2026-01-28T10:31:00.000Z",
}
TOKEN = "q0Yw1vW0mHn4o1xF0uV8bq3Zr5tK2sLdE7cAjPyXgR4"  # an example
USED_EXAMPLE = EXAMPLE | {"lastUsedAt": "2026-01-29T08:02:11.000Z"}
LAST_USE = Meta(description="Stored at most once an hour; null before the first use.")


class ShareBody(Body, rename="camel"):
    """A share, without its token."""

    id: UUID
    name: str
    created_at: Timestamp
    last_used_at: Annotated[Timestamp | None, LAST_USE]

    example: ClassVar[Any] = USED_EXAMPLE


class NewShareBody(Body, rename="camel"):
    """A new share, with its token and the address of its page, which are shown only now."""

    id: UUID
    name: str
    created_at: Timestamp
    token: Annotated[str, Meta(description="A bearer token for statistics of the website.")]
    url: Annotated[str, Meta(extra_json_schema={"format": "uri"})]

    example: ClassVar[Any] = EXAMPLE | {
        "token": TOKEN,
        "url": f"https://millrace.example/share/{TOKEN}/",
    }

    @classmethod
    def of(cls, share: IssuedShare, url: str) -> Self:
        return cls(share.id, share.name, iso(share.created_at), share.token, url)


class ShareList(Body):
    """All shares of a website, the newest first."""

    shares: list[ShareBody]
    total: Count

    example: ClassVar[Any] = {"shares": [USED_EXAMPLE], "total": 1}


class Revoked(Body):
    """The share is gone; its token opens nothing any more."""

    success: AlwaysTrue = True
    message: Literal["Share revoked successfully"] = "Share revoked successfully"

    example: ClassVar[Any] = {"success": True, "message": "Share revoked successfully"}
