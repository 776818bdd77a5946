"""What the cells of admin pages are made of."""

import json
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

NONE = "-"  # stands for what there is not


def to_the_second(at: datetime) -> str:
    """Return a time of UTC as pages show it."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def cut(text: str, *, limit: int = 36) -> SafeString:
    """Return a text on one line, cut to a limit; the whole of it shows up under the mouse."""
    shortened = Truncator(text).chars(limit)
    return format_html('<span class="whitespace-nowrap" title="{}">{}</span>', text, shortened)


def link(url: str, text: str | SafeString) -> SafeString:
    """Return a text that leads somewhere."""
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)


def may_view(reader: Any, model: type[Model]) -> bool:
    """Tell whether a user may look at the rows of a model."""
    options = model._meta
    return bool(reader.has_perm(f"{options.app_label}.view_{options.model_name}"))


def list_of(model: type[Model]) -> str:
    """Return the URL of the list of a model's rows."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def link_for(reader: Any, model: type[Model], pk: object, text: str) -> SafeString | str:
    """Return a text that leads to the page of a row, for a reader who may open it."""
    if not may_view(reader, model):
        return text
    options = model._meta
    return link(reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[pk]), text)


def pretty_json(value: Any) -> SafeString:
    """Return JSON as a block that people can read."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="overflow-x-auto text-xs">{}</pre>', text)
