"""Columns of one field each, for the lists and pages of streams."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from analytics.admin.formatting import EMPTY, MAX_LINK, changelist_url, link, pretty_json, truncate

Column = Callable[[Any], SafeString | str]


def text_column(field: str, title: str = "", *, limit: int = 36) -> Column:
    """Return a column with the text of a field, or the label of its choice, cut to a limit."""

    def column(row: Any) -> SafeString:
        label = getattr(row, f"get_{field}_display", None)
        return truncate((label() if label else getattr(row, field)) or EMPTY, limit=limit)

    return _named(column, field, title)


def search_column(field: str, title: str = "", *, limit: int | None = None) -> Column:
    """Return a column whose text links to the search for it."""

    def column(row: Any) -> SafeString | str:
        text = getattr(row, field)
        if not text:
            return EMPTY
        shown = truncate(text, limit=limit) if limit else text
        if len(text) > MAX_LINK:
            return shown
        return link(f"{changelist_url(type(row))}?{urlencode({'q': text})}", shown)

    return _named(column, field, title)


def json_column(field: str) -> Column:
    """Return a column with the indented JSON of a field."""

    def column(row: Any) -> SafeString | str:
        value = getattr(row, field)
        return EMPTY if value is None else pretty_json(value)

    return _named(column, field, "")


def _named(column: Column, field: str, title: str) -> Column:
    column.__name__ = field  # Django's name for CSS classes
    return admin.display(column, description=title or field.replace("_", " "))
