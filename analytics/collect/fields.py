"""Fields that only the collect API has: the time and the type of an event."""

from typing import ClassVar

from config.api.fields import StrictField
from config.api.timestamps import DATE_PATTERN, NotADate, is_event_time, parse_date


class IsoTime(StrictField):
    """A day, or a time of a day to the minute or finer; of UTC without an offset."""

    json_types, type_code = (str,), "string_type"
    schema: ClassVar = {
        "type": "string",
        "pattern": DATE_PATTERN,
        "description": "A day, or a time of a day; of UTC without an offset.",
    }

    def to_internal_value(self, data: str) -> int:
        """Return Unix milliseconds, finer fractions cut off."""
        try:
            ms = parse_date(data)
        except NotADate:
            self.fail("datetime_parsing", data)
        if not is_event_time(ms):
            self.fail("timestamp_range", data)
        return ms
