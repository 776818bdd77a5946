"""Numbers of a website in a period of days, read from its events alone.

Every event counts: of bots too, and those that the tracking script sends for itself. The events of
a session that lie outside of the period do not, not even for its duration.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db import connections

from analytics.events.models import DeviceType, Event
from config.db import uuid7
from config.db.routers import home

DIRECT = "Direct"
OTHER = "other"

# Parameters: website, lowest id, id of the end. The index on (website_id, id) finds the rows.
_EVENTS = """
WITH event AS (
    SELECT event_type = 'pageview' AS is_view, url, referrer, device_type,
           session_id, visitor_id, created_at
      FROM analytics_event WHERE website_id = %s AND id >= %s AND id < %s
)
"""
_SESSIONS = """
, session AS (
    SELECT session_id, count(*) FILTER (WHERE is_view) AS views,
           max(created_at) - min(created_at) AS duration
      FROM event GROUP BY session_id
)
"""
_METRICS = f"""{_SESSIONS}
SELECT coalesce(sum(views), 0)::bigint, (SELECT count(DISTINCT visitor_id) FROM event),
       count(*), count(*) FILTER (WHERE views > 0), count(*) FILTER (WHERE views = 1),
       coalesce(extract(epoch FROM sum(duration)), 0)
  FROM session
"""
_PAGE_VIEWS = """
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*)
  FROM event WHERE is_view GROUP BY day ORDER BY day
"""
_TOP_PAGES = f"""{_SESSIONS}
, page AS (
    SELECT url, count(*) AS views, count(DISTINCT visitor_id) AS visitors
      FROM event WHERE is_view GROUP BY url ORDER BY views DESC, url COLLATE "C" LIMIT %s
)
SELECT url, page.views, visitors, count(*) FILTER (WHERE session.views = 1), count(*),
       extract(epoch FROM sum(duration))
  FROM page
  JOIN (SELECT DISTINCT url, session_id FROM event WHERE is_view) seen USING (url)
  JOIN session USING (session_id)
 GROUP BY url, page.views, visitors ORDER BY page.views DESC, url COLLATE "C"
"""
# The host of a URL that the events API has accepted: behind a user, before a port.
_REFERRERS = r"""
SELECT host, count(DISTINCT visitor_id), count(DISTINCT session_id), count(*) AS views
  FROM event, coalesce(
           nullif(regexp_replace(lower(substring(
               referrer FROM '^[^:/?#]+://(?:[^/?#]*@)?(\[[^\]/?#]*\]|[^:/?#]*)'
           )), '^www\.', ''), ''), %s
       ) AS host
 WHERE is_view GROUP BY host ORDER BY views DESC, host COLLATE "C" LIMIT %s
"""
_DEVICES = "SELECT coalesce(device_type, %s), count(*) FROM event WHERE is_view GROUP BY 1"


@dataclass(frozen=True, slots=True)
class Period:
    """Some days of 24 hours of a website, up to a time that is not part of them."""

    website_id: UUID
    start: datetime
    end: datetime

    @classmethod
    def last(cls, days: int, website_id: UUID, now: datetime) -> Self:
        return cls(website_id, now - timedelta(days=days), now)

    def before(self) -> "Period":
        """Return the period of the same length that ends where this one begins."""
        return Period(self.website_id, self.start - (self.end - self.start), self.start)

    def read(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query of `event`, the events of the period."""
        bounds = [self.website_id, uuid7.floor(self.start), uuid7.floor(self.end)]
        with connections[home(Event)].cursor() as cursor:
            cursor.execute(_EVENTS + query, [*bounds, *parameters])
            return list(cursor.fetchall())


class Metrics(NamedTuple):
    """Numbers of a period: a mean duration in seconds, a rate in per cent."""

    page_views: int
    unique_visitors: int
    sessions: int
    avg_session_duration: int
    bounce_rate: int


class Page(NamedTuple):
    """Page views of a URL, and the sessions that have one."""

    url: str
    views: int
    unique_visitors: int
    bounce_rate: int
    avg_session_duration: int


class Referrer(NamedTuple):
    """Page views whose referrer has a host."""

    referrer: str
    visitors: int
    sessions: int
    page_views: int


def metrics(period: Period) -> Metrics:
    """Return the totals of a period; sessions are those with a page view."""
    [[views, visitors, all_sessions, sessions, bounced, seconds]] = period.read(_METRICS)
    return Metrics(
        page_views=views,
        unique_visitors=visitors,
        sessions=sessions,
        avg_session_duration=_mean_seconds(seconds, all_sessions),
        bounce_rate=_rounded(100 * bounced, sessions),
    )


def change(current: int, previous: int) -> int:
    """Return by how many per cent a number has changed; from nothing to something it is 100."""
    if previous == 0:
        return 100 if current > 0 else 0
    return _rounded(100 * (current - previous), previous)


def page_views(period: Period) -> list[tuple[date, int]]:
    """Return the number of page views of each day of UTC that has any, in order."""
    return [(day, views) for day, views in period.read(_PAGE_VIEWS)]


def top_pages(period: Period, limit: int) -> list[Page]:
    """Return the URLs with most page views, those of equal numbers by code points."""
    return [
        Page(url, views, visitors, _rounded(100 * bounced, all), _mean_seconds(seconds, all))
        for url, views, visitors, bounced, all, seconds in period.read(_TOP_PAGES, limit)
    ]


def referrers(period: Period, limit: int) -> list[Referrer]:
    """Return the hosts of referrers, without www., that brought most page views."""
    return [Referrer(*row) for row in period.read(_REFERRERS, DIRECT, limit)]


def devices(period: Period) -> dict[str, int]:
    """Return the number of page views of each type of device."""
    found = dict(period.read(_DEVICES, OTHER))
    return {device: found.get(device, 0) for device in (*DeviceType.values, OTHER)}


def _rounded(part: int, whole: int) -> int:
    """Return part / whole, rounded half up without the errors of floats; 0 of nothing."""
    return (2 * part + whole) // (2 * whole) if whole else 0


def _mean_seconds(seconds: Any, sessions: int) -> int:
    return _rounded(int(seconds * 1000), sessions * 1000)
