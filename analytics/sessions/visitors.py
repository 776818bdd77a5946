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
ENGLISH_NAME = ("names", "en")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visitor is: English names, None for what is not known."""

    country: str | None = None
    city: str | None = None
    region: str | None = None
    country_code: str | None = None  # ISO 3166-1, two letters


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
    return Place(
        country=_text_at(found, "country", *ENGLISH_NAME),
        city=_text_at(found, "city", *ENGLISH_NAME),
        region=_text_at(found, "subdivisions", 0, *ENGLISH_NAME),
        country_code=_country_code(found),
    )


def reset() -> None:
    """Forget place databases, as in a new process."""
    places.cache_clear()


@cache
def places(path: str) -> maxminddb.Reader:
    """Return the opened place database; raises OSError, ValueError or InvalidDatabaseError."""
    return maxminddb.open_database(path)


def _country_code(found: Any) -> str | None:
    code = _text_at(found, "country", "iso_code") or ""
    return code.upper() if len(code) == 2 and code.isascii() and code.isalpha() else None


def _text_at(found: Any, *path: str | int) -> str | None:
    """Return a text in a record, which may be of any shape."""
    for step in path:
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and len(found) > step else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found[:MAX_NAME_LENGTH] if isinstance(found, str) else None
