"""Rows of sessions and page views"""

from django.db import connections

from analytics.sessions.models import PageView, Session
from config.db import uuid7
from tests.support.events import AT
from tests.support.query_plans import UUID7

AT_MS = 1_769_630_400_000  # 2026-01-28T20:00:00Z
COLUMNS = {
    "referrer": "referrer",
    "landingPage": "landing_page",
    "device": "device",
    "browser": "browser",
    "os": "os",
    "osVersion": "os_version",
    "timezone": "timezone",
    "language": "language",
    "utmSource": "utm_source",
    "utmMedium": "utm_medium",
    "utmCampaign": "utm_campaign",
    "utmTerm": "utm_term",
    "utmContent": "utm_content",
    "screenWidth": "screen_width",
    "screenHeight": "screen_height",
}
BARE_ROW = {
    "visitor_hash": "1a0b9e021eb73e144a8bf35be02497aa32b210abd7f9d18465b470f90bab16e3",
    "user_id": None,
    "bio_page_id": None,
    "referrer_domain": "direct",
    "country": None,
    "city": None,
    "page_views": 0,
    "bounced": True,
    "duration_seconds": 0,
    "last_heartbeat_at": None,
    **dict.fromkeys(COLUMNS.values()),
}
FULL_SESSION = {
    "referrer": "https://www.instagram.com/p/<x>",
    "referrer_domain": "instagram.com",
    "landing_page": "https://example.com/johndoe",
    "device": "mobile",
    "browser": "Mobile Safari",
    "os": "iOS",
    "os_version": "17.2",
    "timezone": "Europe/Istanbul",
    "language": "tr-TR",
    "country": "Turkey",
    "city": "Izmir",
    "utm_source": "a-source",
    "utm_medium": "a-medium",
    "utm_campaign": "a-campaign",
    "utm_term": "a-term",
    "utm_content": "a-content",
    "screen_width": 390,
    "screen_height": 844,
    "page_views": 7,
    "bounced": False,
    "duration_seconds": 3690,
}


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


def stored_sessions():
    """Return the rows of all sessions, each a value for every column."""
    return list(Session.objects.newest_first().values())


def session_row(id, at=AT, **columns):
    """Return the row of a session that began just now."""
    return BARE_ROW | {"id": id, "created_at": at, "last_active_at": at} | columns


def stored_page_views():
    """Return the rows of all page views, the newest first, each a value for every column."""
    return list(PageView.objects.newest_first().values())


def page_view_counts():
    """Return what the sessions know of their page views."""
    return list(Session.objects.values_list("page_views", "bounced", "last_active_at"))


def fill_sessions(count):
    """Store so many sessions with two page views each, for plans as of a big table."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_session (id, created_at, visitor_hash, referrer_domain, "
            "user_id, device, page_views, bounced, duration_seconds, last_active_at) "
            f"SELECT {UUID7}, now(), repeat('0', 64), 'direct', "
            "gen_random_uuid(), (ARRAY['mobile', 'desktop'])[1 + n %% 2], 2, false, 0, now() "
            "FROM generate_series(1, %s) n",
            [count],
        )
        cursor.execute(
            "INSERT INTO analytics_pageview (id, created_at, session_id, path) "
            f"SELECT {UUID7}, now(), id, '/' FROM analytics_session, generate_series(1, 2) n"
        )
        cursor.execute("ANALYZE analytics_session, analytics_pageview")
