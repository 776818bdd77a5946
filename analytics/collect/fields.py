"""Fields that only the collect API has: the time and the type of an event."""

import re
from typing import Any, ClassVar
from unicodedata import category

from config.api.compiled import JsonText, with_texts
from config.api.fields import List, StrictField
from config.api.rules import Rule
from config.api.serializers import StrictSerializer
from config.api.timestamps import DATE_PATTERN, NotADate, is_event_time, parse_date

MAX_BATCH = 100
MAX_TYPE_LENGTH = 64
_is_simple = re.compile(r"[A-Za-z0-9_.$:/-]+").fullmatch  # most types are, and it is quick
_WORD_PATTERN = r"[^\u0000-\u0020!-#%-,;-@\[-\^`{-\u007f]+"


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


class Events(List):
    """The events of a batch, each of which is read for itself."""

    example: ClassVar[Any] = [
        {"event_type": "scroll", "event_data": {"position": 500}},
        {"event_type": "click", "event_data": "nav_menu"},
    ]

    def __init__(self, item: StrictSerializer | None = None, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=MAX_BATCH, **kwargs)
        self.item = item

    def with_text(self, value: Any, text: JsonText) -> Any:
        return with_texts(self.item, value, text, at_most=MAX_BATCH)

    def json_schema(self) -> dict[str, Any]:
        about = "Events as single ones are; each may have an `idempotency_key`, a UUIDv7."
        return super().json_schema() | {"description": about}


def _is_event_type(text: str) -> bool:
    if len(text) > MAX_TYPE_LENGTH:
        return False
    return bool(_is_simple(text)) or all(map(_is_word, text.split(" ")))


def _is_word(text: str) -> bool:
    return bool(text) and all(map(_is_of_a_word, text))


def _is_of_a_word(character: str) -> bool:
    return character in "_.-$:/" or category(character)[0] in "LM" or category(character) == "Nd"


EVENT_TYPE = Rule(
    _is_event_type,
    "string_pattern_mismatch",
    # JSON Schema cannot name the letters of all scripts: of ASCII's characters these are exact.
    schema={
        "minLength": 1,
        "maxLength": MAX_TYPE_LENGTH,
        "pattern": rf"^{_WORD_PATTERN}(?: {_WORD_PATTERN})*$",
        "description": "Letters, marks and digits of any script, `_ . - $ : /`, single blanks.",
    },
)
