"""Tracking tokens: proof that a page which this service rendered starts the session."""

import hmac
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.db import uuid7

BUCKET_MS = 300_000
LENGTH = 32


def token(bio_page_id: UUID, at: datetime) -> str:
    """Return the token of a page; it holds for five to ten minutes.

    Raises ImproperlyConfigured without TRACKING_HMAC_SECRET.
    """
    if not settings.TRACKING_HMAC_SECRET:
        raise ImproperlyConfigured("TRACKING_HMAC_SECRET is not set; no token would be valid.")
    return _token(bio_page_id, _bucket(at))


def is_valid(token: object, bio_page_id: UUID, now: datetime) -> bool:
    """Return whether a token is the page's current or previous one; without a secret none is."""
    if not settings.TRACKING_HMAC_SECRET or not isinstance(token, str):
        return False
    sent = token.encode(errors="surrogatepass")  # compare_digest takes no text beyond ASCII
    bucket = _bucket(now)
    present = hmac.compare_digest(sent, _token(bio_page_id, bucket).encode())
    previous = hmac.compare_digest(sent, _token(bio_page_id, bucket - 1).encode())
    return present or previous


def _bucket(at: datetime) -> int:
    return uuid7.to_ms(at) // BUCKET_MS


def _token(bio_page_id: UUID, bucket: int) -> str:
    key = settings.TRACKING_HMAC_SECRET.encode()
    return hmac.new(key, f"{bio_page_id}:{bucket}".encode(), sha256).hexdigest()[:LENGTH]
