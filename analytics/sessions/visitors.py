"""Hashes and places of visitors."""

import logging
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

import maxminddb
from django.conf import settings

logger = logging.getLogger(__name__)
MAX_NAME_LENGTH = 255  # of a place


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visitor is: English names, None for what is not known."""

    country: str | None = None
    city: str | None = None


def hash_visitor_id(visitor_id: str) -> str:
    return sha256(visitor_id.encode()).hexdigest()


def place_of(address: str) -> Place:
    """Return the place of an IP address, as far as GEOIP_DATABASE knows it."""
    if not settings.GEOIP_DATABASE:
        return Place()
    try:
        found = places(settings.GEOIP_DATABASE).get(address)
    except (ValueError, OSError, maxminddb.InvalidDatabaseError) as error:
        # No address, such as that of a Unix socket; an IPv6 one in a database of IPv4; or the
        # file was spoilt after the start. The message of some of these holds the address.
        logger.debug("No place found: %s", type(error).__name__)
        return Place()
    return Place(country=_english_name(found, "country"), city=_english_name(found, "city"))


def reset() -> None:
    """Forget place databases, as in a new process."""
    places.cache_clear()


@cache
def places(path: str) -> maxminddb.Reader:
    """Return the opened place database; raises OSError, ValueError or InvalidDatabaseError."""
    return maxminddb.open_database(path)


def _english_name(found: Any, kind: str) -> str | None:
    """Return the name of a country or a city in a record, of whatever shape that is."""
    for key in (kind, "names", "en"):
        found = found.get(key) if isinstance(found, dict) else None
    return found[:MAX_NAME_LENGTH] if isinstance(found, str) else None
