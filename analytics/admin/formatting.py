"""Cells of admin pages: times, texts, links, JSON."""

from datetime import datetime
from typing import Any

import msgspec
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from config.db.json_text import text_of

EMPTY = "-"
MAX_TOOLTIP = 300  # characters
MAX_LINK = 500  # of a text that a link searches for; longer ones have none
MAX_GROWTH = 8  # of JSON by its indentation; nested arrays of small numbers grow more
SMALL_JSON = 4000  # bytes; it may grow as it likes


def format_time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def truncate(text: str, *, limit: int = 36, tooltip: int = MAX_TOOLTIP) -> SafeString:
    """Return a text on one line, cut to a limit, with more of it as its tooltip."""
    beginning = Truncator(text[: tooltip + 1])
    return format_html(
        '<span class="whitespace-nowrap" title="{}">{}</span>',
        beginning.chars(tooltip),
        beginning.chars(limit),
    )


def link(url: str, text: str | SafeString) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)


def filter_link(text: str, *, limit: int = 36, **filters: Any) -> SafeString:
    """Return a text, cut to a limit, as a link to the same list with other filters."""
    shortened = truncate(text, limit=limit)
    return link(f"?{urlencode(filters)}", shortened) if len(text) <= MAX_LINK else shortened


def may_view(user: Any, model: type[Model]) -> bool:
    """Return whether a user may view the rows of a model."""
    options = model._meta
    return bool(user.has_perm(f"{options.app_label}.view_{options.model_name}"))


def changelist_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def object_link(user: Any, model: type[Model], pk: object, text: str) -> SafeString | str:
    """Return a text as a link to the page of a row, if a user may view it."""
    if not may_view(user, model):
        return text
    options = model._meta
    return link(reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[pk]), text)


def pretty_json(value: Any) -> SafeString:
    """Return JSON as a block, indented unless that makes it many times as long."""
    compact = msgspec.json.format(text_of(value), indent=-1)
    text = msgspec.json.format(compact, indent=2)
    if len(text) > max(SMALL_JSON, MAX_GROWTH * len(compact)):
        text = compact
    return format_html('<pre class="overflow-x-auto text-xs">{}</pre>', text.decode())
