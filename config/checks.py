"""System checks: what types cannot say about the settings."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def several_workers_share_counters(**kwargs: Any) -> list[CheckMessage]:
    """Demand Redis when more than one process counts rate limits."""
    if settings.WORKERS == 1 or settings.REDIS_URL:
        return []
    return [
        Error(
            f"WORKERS is {settings.WORKERS}, but REDIS_URL is not set.",
            hint="One process counts rate limits in memory. Set REDIS_URL, or WORKERS=1.",
            id="config.E001",
        )
    ]
