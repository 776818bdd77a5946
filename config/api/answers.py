"""What answers look like, for the description of the API: all of them, and those of health."""

from typing import Any, ClassVar

from rest_framework import serializers


class Answer(serializers.Serializer):  # type: ignore[type-arg]
    """An object that has exactly these keys; `example` is one."""

    example: ClassVar[Any] = None
