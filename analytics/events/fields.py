"""Fields that only the events API has: the time and the id of an event, numbers of a query."""

import re
from typing import Any, ClassVar
from uuid import UUID

from rest_framework.fields import empty

from config.api.compiled import Compiled
from config.api.fields import StrictField, Text
from config.api.timestamps import EARLIEST_MS, is_event_time
from config.db import uuid7

_INTEGER = re.compile(r"-?[0-9]+")


class Referrer(Text):
    """The URL of the page before; `""`, as browsers give it on a direct visit, is null."""

    def run_validation(self, data: Any = empty) -> Any:
        return None if data == "" else super().run_validation(data)

    def compiled(self) -> Compiled:
        kind, read = self._compiled_rules()
        return Compiled(kind, lambda text: (read(text) if read else text) if text else None)

    def json_schema(self) -> dict[str, Any]:
        schema = super().json_schema()
        about = f'{schema["description"]} `""` is null.'
        return schema | {"pattern": f"^$|{schema['pattern']}", "description": about}


class UnixMilliseconds(StrictField):
    """The time of an event as a number of milliseconds, a fraction of one cut off."""

    json_types, type_code = (int, float), "number_type"
    schema: ClassVar = {
        "type": "number",
        "minimum": EARLIEST_MS,
        "description": (
            "Unix time in milliseconds, at most 24 hours ahead; a fraction is cut off."
        ),
    }

    def to_internal_value(self, data: int | float) -> int:
        ms = int(data)
        if not is_event_time(ms):
            self.fail("timestamp_range", data)
        return ms


class EventId(StrictField):
    """A UUIDv7 that the client chose for its event."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {
        "type": "string",
        "format": "uuid",
        "pattern": uuid7.PATTERN,
        "description": "A UUIDv7; its time is that of the event.",
    }

    def to_internal_value(self, data: str) -> UUID:
        id = uuid7.parse(data)
        if id is None or id.version != 7:
            self.fail("uuid_parsing", data)
        if not is_event_time(uuid7.ms_of(id)):
            self.fail("timestamp_range", data)
        return id


class Clamped(StrictField):
    """An integer of a query, brought into its range; what is no integer is the default."""

    json_types, type_code = (str,), "int_type"

    def __init__(self, lowest: int, highest: int, *, default: int, zero: int = 0) -> None:
        super().__init__(default=default)
        self.otherwise = default
        self.lowest, self.highest, self.zero = lowest, highest, zero

    def to_internal_value(self, data: str) -> int:
        if not _INTEGER.fullmatch(data):
            return self.otherwise
        digits = data.lstrip("-0")[:18]  # enough for any limit; int() refuses endless texts
        sign = -1 if data.startswith("-") else 1
        number = sign * int(digits) if digits else self.zero
        return max(self.lowest, min(number, self.highest))

    def json_schema(self) -> dict[str, Any]:
        about = "Numbers out of range are brought into it; what is no number is the default."
        limits = {"minimum": self.lowest, "maximum": self.highest}
        return {"type": "integer", **limits, "description": about}
