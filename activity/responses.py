"""Response bodies of the activity API."""

from typing import Any, ClassVar, Literal

from config.api.bodies import Body


class Accepted(Body):
    """The event is stored."""

    status: Literal["accepted"] = "accepted"

    example: ClassVar[Any] = {"status": "accepted"}
