"""How far back a website's statistics reach."""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from analytics.events.models import Event
from analytics.reports.derived.sealed_models import SealedDay
from analytics.reports.models import WebsiteSession
from analytics.reports.questions.buckets import local_day
from config.db import uuid7


def first_day(website_id: UUID, zone: ZoneInfo) -> date | None:
    """Return the first local day of a website with an event or statistics of one."""
    rows = [
        stream.objects.of_website(website_id).order_by("id") for stream in (Event, WebsiteSession)
    ]
    ids = [each.values_list("id", flat=True).first() for each in rows]
    days = [local_day(uuid7.time_of(id), zone) for id in ids if id]
    sealed = SealedDay.objects.filter(website_id=website_id).order_by("day")
    days += sealed.values_list("day", flat=True)[:1]
    return min(days, default=None)
