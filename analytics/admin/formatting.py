"""Cells of admin pages: times, texts, links, JSON."""

import json
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator

EMPTY = "-"


def format_time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def truncate(text: str, *, limit: int = 36) -> SafeString:
    """Return a text on one line, cut to a limit, with the whole text as its tooltip."""
    shortened = Truncator(text).chars(limit)
    return format_html('<span class="whitespace-nowrap" title="{}">{}</span>', text, shortened)


def link(url: str, text: str | SafeString) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)


def filter_link(text: str, *, limit: int = 36, **filters: Any) -> SafeString:
    """Return a text, cut to a limit, as a link to the same list with other filters."""
    return link(f"?{urlencode(filters)}", truncate(text, limit=limit))


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
    """Return JSON as an indented block."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="overflow-x-auto text-xs">{}</pre>', text)
