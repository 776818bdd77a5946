"""Attributes of a visitor that a request shows: crawler, device, browser, place."""

import logging
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from typing import Any

import maxminddb
from django.conf import settings
from ua_parser import OS, parse

logger = logging.getLogger(__name__)
MAX_NAME_LENGTH = 255  # of a browser, a system, a place
MAX_AGENT_LENGTH = 1024  # as much as is parsed and remembered; real ones have about 100
_BOT = re.compile(
    "bot|crawl|spider|slurp|facebookexternalhit|headless|lighthouse|curl|wget|python-requests"
    "|preview",
    re.IGNORECASE | re.ASCII,
)
_TELEVISION = re.compile(r"\btv\b|googletv|smart-?tv|appletv|bravia|; aft")
_TABLET = re.compile(r"ipad|tablet(?! pc)|kindle|silk/|playbook")
_MOBILE = re.compile(r"mobi|iphone|ipod|opera mini|blackberry|windows phone|j2me")


@dataclass(frozen=True, slots=True)
class Agent:
    """What a User-Agent names; None for what it does not."""

    device: str | None = None
    browser: str | None = None
    os: str | None = None
    os_version: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visitor is: English names, None for what is not known."""

    country: str | None = None
    city: str | None = None


def is_bot(user_agent: str) -> bool:
    """Return whether a User-Agent is a crawler's; an empty one is not."""
    return _BOT.search(user_agent) is not None


def hash_visitor_id(visitor_id: str) -> str:
    return sha256(visitor_id.encode()).hexdigest()


def agent_of(user_agent: str) -> Agent:
    return _agent_of(user_agent[:MAX_AGENT_LENGTH])


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
    """Forget user agents and place databases, as in a new process."""
    _agent_of.cache_clear()
    places.cache_clear()


@cache
def places(path: str) -> maxminddb.Reader:
    """Return the opened place database; raises OSError, ValueError or InvalidDatabaseError."""
    return maxminddb.open_database(path)


@lru_cache(maxsize=4096)
def _agent_of(user_agent: str) -> Agent:
    if not user_agent:
        return Agent()
    parsed = parse(user_agent)
    browser, os = parsed.user_agent, parsed.os
    return Agent(
        device=_device_of(user_agent.lower()),
        browser=_cut(browser.family) if browser else None,
        os=_cut(os.family) if os else None,
        os_version=_version(os) if os else None,
    )


def _device_of(user_agent: str) -> str:
    """Return the kind of device; ua-parser knows models, but not which of them are tablets."""
    if _TELEVISION.search(user_agent):
        return "desktop"
    if _TABLET.search(user_agent):
        return "tablet"
    if _MOBILE.search(user_agent):
        return "mobile"
    return "tablet" if "android" in user_agent else "desktop"  # Android phones add Mobile


def _version(os: OS) -> str | None:
    parts = (os.major, os.minor, os.patch, os.patch_minor)
    return _cut(".".join(part for part in parts if part)) or None


def _cut(text: str) -> str:
    return text[:MAX_NAME_LENGTH]


def _english_name(found: Any, kind: str) -> str | None:
    """Return the name of a country or a city in a record, of whatever shape that is."""
    for key in (kind, "names", "en"):
        found = found.get(key) if isinstance(found, dict) else None
    return _cut(found) if isinstance(found, str) else None
