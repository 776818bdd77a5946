"""The timestamp of the collect API, in ISO 8601."""

import re
from datetime import UTC, datetime
from typing import ClassVar

from config.api.fields import StrictField
from config.api.timestamps import is_event_time
from config.db import uuid7

_ISO_TIME = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?)?",
    re.ASCII,
)


class IsoTime(StrictField):
    """A day, or a time of a day to the minute or finer, in ISO 8601; of UTC without an offset."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {
        "type": "string",
        "pattern": f"^{_ISO_TIME.pattern}$",
        "description": "A day, or a time of a day; of UTC without an offset.",
    }

    def to_internal_value(self, data: str) -> int:
        """Return Unix milliseconds, finer fractions cut off."""
        try:
            at = datetime.fromisoformat(data) if _ISO_TIME.fullmatch(data) else None
        except ValueError:  # there is no such day
            at = None
        if at is None:
            self.fail("datetime_parsing", data)
        ms = uuid7.to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))
        if not is_event_time(ms):
            self.fail("timestamp_range", data)
        return ms
