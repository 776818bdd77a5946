"""System checks: whether the files that settings name are what they should be."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from maxminddb import InvalidDatabaseError

from analytics.sessions import visitors


@register
def places_can_be_read(**kwargs: Any) -> list[CheckMessage]:
    """Demand a readable place database where GEOIP_DATABASE names one."""
    if not settings.GEOIP_DATABASE:
        return []
    try:
        visitors.places(settings.GEOIP_DATABASE)
    except (OSError, ValueError, InvalidDatabaseError):
        return [
            Error(
                f"GEOIP_DATABASE is no readable place database: {settings.GEOIP_DATABASE}",
                hint="Name a city or country file in MaxMind's format, or leave it empty.",
                id="analytics.E001",
            )
        ]
    return []
