"""Response bodies of the track API's sessions and page views."""

from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from msgspec import Meta

from config.api.bodies import AlwaysTrue, Body


class IdData(Body):
    """The new id, if there is one."""

    id: Annotated[UUID | None, Meta(description="Null when nothing was stored.")]


class Identified(Body, kw_only=True):
    """The id of what was stored, or null; `X-Event-Outcome` tells why."""

    success: AlwaysTrue = True
    data: IdData

    example: ClassVar[Any] = {
        "success": True,
        "data": {"id": "019c0630-fe00-7d71-bb46-7075e0512424"},
    }

    @classmethod
    def of(cls, id: UUID | None) -> Self:
        return cls(data=IdData(id))


class DoneData(Body):
    """Always the same."""

    ok: AlwaysTrue = True


class Done(Body, kw_only=True):
    """Taken; `X-Event-Outcome` tells whether it changed anything."""

    success: AlwaysTrue = True
    data: DoneData

    example: ClassVar[Any] = {"success": True, "data": {"ok": True}}


DONE = Done(data=DoneData())
