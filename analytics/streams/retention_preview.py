"""Preview of the retention settings: what a number of days would delete, as an estimate."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from analytics.streams import sizes
from analytics.streams.base import Stream, streams
from analytics.streams.partitions import Month
from config.db import uuid7
from config.db.routers import home
from config.models import RuntimeSettings
from config.runtime import preview


def preview_retention(models: Sequence[type[Stream]], days: int) -> str:
    """Return as a sentence what the next run would delete if rows were kept for some days.

    models: streams with one setting; 0 is the days of its default, or for ever.
    """
    default = models[0].retention_default
    days = days or (getattr(RuntimeSettings.load(), default) if default else 0)
    if not days:
        return "Nothing will be deleted: rows are kept for ever."
    end = uuid7.now() - timedelta(days=days)
    aliases = dict.fromkeys(home(model) for model in models)
    found = [size for alias in aliases for size in sizes.of_streams(alias) if size.model in models]
    parts = [part for size in found for part in size.months if part.rows]
    rows = sum(round(part.rows * _old_share(part.month, end)) for part in parts)
    whole = sorted({part.month for part in parts if part.month.plus(1).start <= end})
    if not rows:
        return f"Nothing is older than {end:%Y-%m-%d %H:%M} UTC."
    text = f"About {rows:,} rows older than {end:%Y-%m-%d %H:%M} UTC will be deleted"
    return f"{text}, among them all of {_span(whole)}." if whole else f"{text}."


def _old_share(month: Month, end: datetime) -> float:
    """Return the share of a month that is before a time."""
    length = month.plus(1).start - month.start
    return min(1.0, max(0.0, (end - month.start) / length))


def _span(months: Sequence[Month]) -> str:
    first, last = months[0], months[-1]
    return str(first) if first == last else f"{first} to {last}"


def _by_setting() -> dict[str, list[type[Stream]]]:
    found: dict[str, list[type[Stream]]] = {}
    for model in streams():
        found.setdefault(model.retention_setting, []).append(model)
    return found


for name, models in _by_setting().items():
    preview.estimates[name] = partial(preview_retention, models)
