"""How far back a website's statistics reach."""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connections

from analytics.events.models import Event
from analytics.reports.models import WebsiteSession
from analytics.reports.questions.buckets import local_day
from config.db import uuid7
from config.db.routers import home


def first_day(website_id: UUID, zone: ZoneInfo) -> date | None:
    """Return the first local day of a website with an event, or statistics of one.

    That event may be without a session yet.
    """
    event = Event.objects.of_website(website_id).order_by("id").values_list("id", flat=True).first()
    days = [first_sessions(website_id, zone), _day_of(event, zone)]
    return min(filter(None, days), default=None)


def first_sessions(website_id: UUID, zone: ZoneInfo) -> date | None:
    """Return the first local day of a website with a session, or a sealed one."""
    with connections[home(WebsiteSession)].cursor() as cursor:
        cursor.execute(_FIRST, {"website": website_id})
        [[session, day]] = cursor.fetchall()
    return min(filter(None, [_day_of(session, zone), day]), default=None)


def _day_of(id: UUID | None, zone: ZoneInfo) -> date | None:
    return local_day(uuid7.time_of(id), zone) if id else None


_FIRST = """
SELECT (SELECT id FROM analytics_websitesession
         WHERE website_id = %(website)s ORDER BY id LIMIT 1),
       (SELECT min(day) FROM analytics_sealedday WHERE website_id = %(website)s)
"""
