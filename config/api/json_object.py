"""The field of an object of any content, whose text is kept."""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from config.api.compiled import Compiled, JsonText
from config.api.fields import StrictField
from config.db.json_text import TextObject, fit, text_of


class JsonObject(StrictField):
    """An object of any content; its value is its JSON text, as it came.

    `max_bytes` gives the cap in force, on the bytes of compact JSON. Only a text that is longer is
    made compact. Without a cap, the caller has to check the size.
    """

    json_types, type_code = (dict, TextObject), "dict_type"
    schema: ClassVar = {
        "type": "object",
        "description": "Any object, of a limited number of bytes as compact JSON.",
    }

    def __init__(self, *, max_bytes: Callable[[], int] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_bytes = max_bytes

    def with_text(self, value: Any, text: JsonText) -> Any:
        return TextObject(value, bytes(text)) if type(value) is dict else value

    def to_internal_value(self, data: dict[str, Any]) -> str:
        return self._fitting(text_of(data), data)

    def _fitting(self, text: bytes, data: dict[str, Any] | None = None) -> str:
        """Return a text, made compact if it is too long."""
        max_bytes = self.max_bytes() if self.max_bytes else len(text)
        fitting = fit(text, max_bytes)
        if fitting is None:
            self.fail("too_large", data, max_bytes=max_bytes)
        return fitting

    def compiled(self) -> Compiled:
        return Compiled(msgspec.Raw, self._read)

    def _read(self, raw: msgspec.Raw) -> str | None:
        text = bytes(raw)
        if text == b"null" and self.allow_null:
            return None
        if not text.startswith(b"{"):
            self.fail(self.type_code)
        return self._fitting(text)
