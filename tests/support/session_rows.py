"""Sessions and page views as the track API stores them, for tests of what reads them."""

from analytics.sessions.models import PageView, Session
from config.db import uuid7

AT_MS = 1_769_630_400_000  # 2026-01-28T20:00:00Z


def store_session(ms=AT_MS, **fields):
    """Store a session that began at a time; return it."""
    at = uuid7.from_ms(ms)
    usual = {
        "id": uuid7.new_id(ms),
        "created_at": at,
        "visitor_hash": "1a0b9e021eb73e144a8bf35be02497aa32b210abd7f9d18465b470f90bab16e3",
        "referrer_domain": "direct",
        "last_active_at": at,
    }
    return Session.objects.create(**usual | fields)


def store_page_view(session, ms=AT_MS, **fields):
    """Store a page view of a session, entered at a time; return it."""
    usual = {
        "id": uuid7.new_id(ms),
        "created_at": uuid7.from_ms(ms),
        "session_id": session.pk,
        "path": "/johndoe",
    }
    return PageView.objects.create(**usual | fields)
