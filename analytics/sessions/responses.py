"""What the track API answers when all went well, or seems to: X-Event-Outcome tells which."""

from typing import Any, ClassVar

from rest_framework import serializers

from config.api.answers import Answer


class TrackedData(Answer):
    """Always the same."""

    tracked = serializers.ChoiceField([True])


class Tracked(Answer):
    """Taken; `X-Event-Outcome` tells whether it was stored."""

    success = serializers.ChoiceField([True])
    data = TrackedData()  # type: ignore[assignment]

    example: ClassVar[Any] = {"success": True, "data": {"tracked": True}}


class IdData(Answer):
    """The new id, if there is one."""

    id = serializers.UUIDField(allow_null=True, help_text="Null when nothing was stored.")


class Identified(Answer):
    """The id of what was stored, or null; `X-Event-Outcome` tells why."""

    success = serializers.ChoiceField([True])
    data = IdData()  # type: ignore[assignment]

    example: ClassVar[Any] = {
        "success": True,
        "data": {"id": "019c0630-fe00-7d71-bb46-7075e0512424"},
    }


class DoneData(Answer):
    """Always the same."""

    ok = serializers.ChoiceField([True])


class Done(Answer):
    """Taken; `X-Event-Outcome` tells whether it changed anything."""

    success = serializers.ChoiceField([True])
    data = DoneData()  # type: ignore[assignment]

    example: ClassVar[Any] = {"success": True, "data": {"ok": True}}
