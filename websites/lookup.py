"""Lookup of websites by tracking code, cached in the process for a few seconds.

While the main database is away, websites that this host has known within the hour are still known.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cachetools import TTLCache
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from config.db import deadline, last_known
from websites.models import RetiredCode, Website
from websites.traffic_filter import TrafficFilter

logger = logging.getLogger(__name__)
MAX_AGE_SECONDS = 4.0  # a website that is deactivated must stop within five
REMEMBERED_SECONDS = 3600.0  # while the database is away
CACHE_SIZE = 10_000
KIND = "websites"
# Columns of a website that a TrafficFilter is made of.
FILTER_COLUMNS = ("honour_privacy_signals", "allowed_hosts", "ignored_networks")
MAX_CODE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Site:
    """The part of an active website that the write path needs."""

    id: UUID
    user_id: UUID
    filter: TrafficFilter | None = None

    def excludes_client(self, request: HttpRequest) -> bool:
        """Return whether it wants no events that come in a request."""
        return self.filter is not None and self.filter.excludes_client(request)

    def excludes_url(self, url: str) -> bool:
        """Return whether it wants no events of a URL."""
        return self.filter is not None and self.filter.excludes_url(url)


def _clock() -> float:
    return time.monotonic()  # found at each call, so that tests can set it


# Unknown codes have a cache of their own, so that a flood of them cannot evict the known ones.
_known: TTLCache[str, Site] = TTLCache(CACHE_SIZE, MAX_AGE_SECONDS, _clock)
_unknown: TTLCache[str, bool] = TTLCache(CACHE_SIZE, MAX_AGE_SECONDS, _clock)
# The last ones that were read; those of them that are saved for a restart, and those to be.
_remembered: TTLCache[str, Site] = TTLCache(CACHE_SIZE, REMEMBERED_SECONDS, _clock)
_saved: TTLCache[str, Site] = TTLCache(CACHE_SIZE, last_known.REPEAT_SECONDS, _clock)
_unsaved: dict[str, Site] = {}
_lock = threading.Lock()  # a TTLCache is not safe for threads


def is_code(text: str) -> bool:
    """Return whether a text has the form of a tracking code and can be a parameter of a query."""
    return text.startswith("pm-") and len(text) <= MAX_CODE_LENGTH and "\0" not in text


def active_site(code: str) -> Site | None:
    """Return the active website with a tracking code, at most a few seconds old, else None."""
    return active_sites([code]).get(code)


def active_sites(codes: Iterable[str]) -> dict[str, Site]:
    """Return the active websites with some tracking codes, by code, at most a few seconds old.

    One query reads all that are not remembered. Raises OperationalError while the database is away
    and one of them has not been known within the hour.
    """
    found, unread = {}, []
    with _lock:
        for code in filter(is_code, set(codes)):
            if site := _known.get(code):
                found[code] = site
            elif code not in _unknown:
                unread.append(code)
    return found | _read(unread) if unread else found


def active_site_of_id(id: UUID) -> Site | None:
    """Return the active website with an id, else None."""
    row = Website.objects.filter(id=id, is_active=True).values_list("id", "user_id").first()
    return Site(*row) if row else None


def forget(code: str) -> None:
    """Let the next event of a website read it anew."""
    with _lock:
        _known.pop(code, None)
        _unknown.pop(code, None)
        _remembered.pop(code, None)


def reset() -> None:
    with _lock:
        for each in (_known, _unknown, _remembered, _saved, _unsaved):
            each.clear()


def _read(codes: Sequence[str]) -> dict[str, Site]:
    """Return the active websites with some codes, current or retired, and remember all codes."""
    try:
        with deadline.within(settings.WRITE_TIMEOUT_SECONDS / 4):  # the request has work to do
            found = _query(codes)
    except (OperationalError, InterfaceError) as error:
        logger.warning("Websites are those that were last known: %s", error)
        return _recall(codes)
    with _lock:
        _known.update(found)
        _remembered.update(found)
        for code in codes:
            if code not in found:
                _unknown[code] = True
                _remembered.pop(code, None)
            elif _saved.get(code) != found[code]:
                _unsaved[code] = _saved[code] = found[code]
    return found


def _recall(codes: Sequence[str]) -> dict[str, Site]:
    """Return the websites with some codes as they were within the hour; raise if one is missing."""
    with _lock:
        is_empty = not _remembered
    if is_empty:  # as after a restart
        loaded = last_known.load(KIND, Site)
        with _lock:
            _remembered.update(loaded)
    with _lock:
        found = {code: site for code in codes if (site := _remembered.get(code))}
        _known.update(found)  # the next ones need not ask
    if len(found) < len(codes):
        raise OperationalError("the main database is away, and a website is not known")
    return found


@last_known.source(KIND, max_age_seconds=REMEMBERED_SECONDS)
def _changes() -> Mapping[str, Site]:
    """Return the websites that were read since the last call."""
    with _lock:
        unsaved = _unsaved.copy()
        _unsaved.clear()
    return unsaved


def _query(codes: Sequence[str]) -> dict[str, Site]:
    current = Website.objects.filter(is_active=True, tracking_code__in=codes)
    retired = RetiredCode.objects.valid().filter(code__in=codes, website__is_active=True)
    rows = current.order_by().values_list("tracking_code", "id", "user_id", *FILTER_COLUMNS)
    of_website = [f"website__{column}" for column in ("user_id", *FILTER_COLUMNS)]
    rows = rows.union(retired.values_list("code", "website_id", *of_website), all=True)
    return {code: Site(id, user, TrafficFilter.of(*rest)) for code, id, user, *rest in rows}


@receiver([post_save, post_delete], sender=Website)
def _forget_changed(instance: Website, **kwargs: Any) -> None:
    forget(instance.tracking_code)
