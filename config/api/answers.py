"""What answers look like, for the description of the API: all of them, and those of health."""

from typing import Any, ClassVar

from rest_framework import serializers


class Answer(serializers.Serializer):  # type: ignore[type-arg]
    """An object that has exactly these keys; `example` is one."""

    example: ClassVar[Any] = None


class Live(Answer):
    """The process answers."""

    status = serializers.ChoiceField(["ok"])

    example: ClassVar[Any] = {"status": "ok"}


class States(Answer):
    """The state of each database."""

    default = serializers.ChoiceField(["ok", "unavailable"])
    analytics = serializers.ChoiceField(["ok", "unavailable"])


class Ready(Answer):
    """Both databases answer."""

    status = serializers.ChoiceField(["ok"])
    databases = States()

    example: ClassVar[Any] = {"status": "ok", "databases": {"default": "ok", "analytics": "ok"}}


class Unready(Ready):
    """At least one database does not answer in time."""

    status = serializers.ChoiceField(["unavailable"])

    example: ClassVar[Any] = {
        "status": "unavailable",
        "databases": {"default": "ok", "analytics": "unavailable"},
    }
