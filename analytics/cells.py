"""What the cells of admin pages are made of."""

import json
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator


def cut(text: str, *, limit: int = 36) -> SafeString:
    """Return a text on one line, cut to a limit; the whole of it shows up under the mouse."""
    shortened = Truncator(text).chars(limit)
    return format_html('<span class="whitespace-nowrap" title="{}">{}</span>', text, shortened)


def link(url: str, text: str | SafeString) -> SafeString:
    """Return a text that leads somewhere."""
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)


def pretty_json(value: Any) -> SafeString:
    """Return JSON as a block that people can read."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="overflow-x-auto text-xs">{}</pre>', text)
