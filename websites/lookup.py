"""Tracking code to website, from memory: no query for an event of a site that was just seen."""

import threading
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cachetools import TTLCache
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from websites.models import RetiredCode, Website

MAX_AGE_SECONDS = 4.0  # what is deactivated must stop within five
MAX_CODE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Site:
    """What the write path must know of an active website."""

    id: UUID
    user_id: UUID


# Unknown codes are remembered apart, so that a flood of them cannot push out the known ones.
_known: TTLCache[str, Site] = TTLCache(maxsize=10_000, ttl=MAX_AGE_SECONDS)
_unknown: TTLCache[str, bool] = TTLCache(maxsize=10_000, ttl=MAX_AGE_SECONDS)
_lock = threading.Lock()


def is_code(text: str) -> bool:
    """Tell whether a text has the form of a tracking code, and PostgreSQL can be asked for it."""
    return text.startswith("pm-") and len(text) <= MAX_CODE_LENGTH and "\0" not in text


def active_site(code: str) -> Site | None:
    """Return the active website with a tracking code, at most a few seconds old, else None."""
    if not is_code(code):
        return None
    with _lock:
        if code in _unknown:
            return None
        site = _known.get(code)
    return site or _read(code)


def active_site_of_id(id: UUID) -> Site | None:
    """Return the active website with an id, else None."""
    row = Website.objects.filter(id=id, is_active=True).values_list("id", "user_id").first()
    return Site(*row) if row else None


def forget(code: str) -> None:
    """Let the next event of a website read it anew."""
    with _lock:
        _known.pop(code, None)
        _unknown.pop(code, None)


def reset() -> None:
    """Let every website be read anew."""
    with _lock:
        _known.clear()
        _unknown.clear()


def _read(code: str) -> Site | None:
    active = Website.objects.filter(is_active=True).values_list("id", "user_id")
    retired = RetiredCode.objects.filter(code=code).good()
    row = (
        active.filter(tracking_code=code).first()
        or active.filter(id__in=retired.values("website_id")).first()
    )
    site = Site(*row) if row else None
    with _lock:
        if site:
            _known[code] = site
        else:
            _unknown[code] = True
    return site


@receiver([post_save, post_delete], sender=Website)
def _forget_changed(instance: Website, **kwargs: Any) -> None:
    forget(instance.tracking_code)
