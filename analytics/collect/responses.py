"""What the collect API answers when all went well, or some of it."""

from typing import Any, ClassVar

from rest_framework import serializers

from config.api.answers import Answer

ID_PATTERN = "^evt_[0-9a-f]{32}$"


class Recorded(Answer):
    """The event is taken; `X-Event-Outcome` tells whether it was stored."""

    success = serializers.ChoiceField([True])
    event_id = serializers.RegexField(ID_PATTERN)
    message = serializers.ChoiceField(["Event recorded successfully"])

    example: ClassVar[Any] = {
        "success": True,
        "event_id": "evt_019c0630fe00764c826b6b33f307cecf",
        "message": "Event recorded successfully",
    }


class Result(Answer):
    """What became of one event of a batch: its id, or what was wrong."""

    success = serializers.BooleanField()
    event_id = serializers.RegexField(ID_PATTERN, required=False)
    error = serializers.CharField(required=False)


class RecordedBatch(Answer):
    """The events of a batch are taken, each for itself."""

    success = serializers.ChoiceField([True])
    processed = serializers.IntegerField(min_value=1, max_value=100)
    results = serializers.ListField(child=Result(), help_text="One for each event, in order.")

    example: ClassVar[Any] = {
        "success": True,
        "processed": 2,
        "results": [
            {"success": True, "event_id": "evt_019c0630fe00703da254a6d94bacc82e"},
            {"success": False, "error": "event_data must be an object"},
        ],
    }
