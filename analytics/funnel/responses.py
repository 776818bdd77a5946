"""Response bodies of the track API's funnel events."""

from typing import Any, ClassVar

from config.api.bodies import AlwaysTrue, Body


class TrackedData(Body):
    """Always the same."""

    tracked: AlwaysTrue = True


class Tracked(Body, kw_only=True):
    """Taken; `X-Event-Outcome` tells whether it was stored."""

    success: AlwaysTrue = True
    data: TrackedData

    example: ClassVar[Any] = {"success": True, "data": {"tracked": True}}


TRACKED = Tracked(data=TrackedData())
