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
from analytics.rounding import rounded_ratio
from config.db import deadline, replica, uuid7
from config.db.routers import home
from config.server.capacity import LISTS

DIRECT = "Direct"
OTHER = "other"
MAX_SECONDS = 5

# The bounds let the index on (website_id, id) find the rows, and PostgreSQL leave out partitions.
_EVENTS = """
  FROM analytics_event WHERE website_id = %(website)s AND id >= %(start)s AND id < %(end)s
"""
_PAGE_VIEWS = f"{_EVENTS} AND event_type = 'pageview'"
_SESSION = """
    count(*) FILTER (WHERE event_type = 'pageview') AS views,
    max(created_at) - min(created_at) AS duration
"""
# Reading the events again is quicker than keeping them: a million does not fit into work_mem.
_METRICS = f"""
WITH session AS (
    SELECT id >= %(boundary)s AS is_current, {_SESSION} {_EVENTS} GROUP BY is_current, session_id
), visitor AS (
    SELECT DISTINCT id >= %(boundary)s AS is_current, visitor_id {_EVENTS}
), visitors AS (
    SELECT is_current, count(*) AS visitors FROM visitor GROUP BY is_current
)
SELECT is_current, sum(views)::bigint, min(visitors), count(*) FILTER (WHERE views > 0),
       count(*) FILTER (WHERE views = 1), count(*), sum(duration)
  FROM session JOIN visitors USING (is_current) GROUP BY is_current
"""
_DAYS = f"""
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) {_PAGE_VIEWS}
 GROUP BY day ORDER BY day
"""
# Visitors and sessions are counted for the top URLs alone.
_TOP_PAGES = f"""
WITH top AS MATERIALIZED (
    SELECT url, count(*) AS views {_PAGE_VIEWS}
     GROUP BY url ORDER BY views DESC, url COLLATE "C" LIMIT %(limit)s
), seen AS MATERIALIZED (
    SELECT DISTINCT url, session_id, visitor_id {_PAGE_VIEWS} AND url IN (SELECT url FROM top)
), session AS (
    SELECT session_id, {_SESSION} {_EVENTS} GROUP BY session_id
), by_visitor AS (
    SELECT url, count(DISTINCT visitor_id) AS visitors FROM seen GROUP BY url
), by_session AS (
    SELECT url, count(*) FILTER (WHERE views = 1) AS bounced, count(*) AS sessions,
           sum(duration) AS duration
      FROM (SELECT DISTINCT url, session_id FROM seen) visited JOIN session USING (session_id)
     GROUP BY url
)
SELECT url, top.views, visitors, bounced, sessions, duration
  FROM top JOIN by_visitor USING (url) JOIN by_session USING (url)
 ORDER BY top.views DESC, url COLLATE "C"
"""
# The host of a URL that the events API has accepted: behind a user, before a port. Only a file: URL
# may have none.
_HOST = r"""
    substring(referrer FROM '^[^:/?#]+://(?:[^/?#]*@)?(\[[^]/?#]*\]|[^:/?#@\[\]]*)')
"""
_REFERRERS = rf"""
SELECT coalesce(nullif(regexp_replace(lower({_HOST}), '^www\.(?=.)', ''), ''), %(direct)s)
           COLLATE "C" AS host,
       count(DISTINCT visitor_id), count(DISTINCT session_id), count(*) AS views
{_PAGE_VIEWS} GROUP BY host ORDER BY views DESC, host LIMIT %(limit)s
"""
_DEVICES = f"SELECT coalesce(device_type, %(other)s), count(*) {_PAGE_VIEWS} GROUP BY 1"


@dataclass(frozen=True, slots=True)
class Period:
    """Some days of 24 hours of a website, up to a time that is not part of them."""

    website_id: UUID
    start: datetime
    end: datetime

    @classmethod
    def last(cls, days: int, website_id: UUID, now: datetime) -> Self:
        return cls(website_id, now - timedelta(days=days), now)

    @property
    def previous_start(self) -> datetime:
        """The start of the period of the same length that ends where this one begins."""
        return self.start - (self.end - self.start)

    @LISTS.bounded()
    def read(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query of the events of the period; give up after MAX_SECONDS."""
        bounds = {"start": uuid7.floor(self.start), "end": uuid7.floor(self.end)}
        with (
            deadline.within(MAX_SECONDS),
            replica.reading(),
            connections[home(Event)].cursor() as cursor,
        ):
            cursor.execute(query, {"website": self.website_id} | bounds | parameters)
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


def metrics(period: Period) -> tuple[Metrics, Metrics]:
    """Return the totals of a period, and those of the period before; by one statement."""
    start, boundary = uuid7.floor(period.previous_start), uuid7.floor(period.start)
    rows = period.read(_METRICS, start=start, boundary=boundary)
    found = {is_current: _totals(*numbers) for is_current, *numbers in rows}
    nothing = Metrics(0, 0, 0, 0, 0)
    return found.get(True, nothing), found.get(False, nothing)


def change(current: int, previous: int) -> int:
    """Return by how many per cent a number has changed; from nothing to something it is 100."""
    if previous == 0:
        return 100 if current > 0 else 0
    return rounded_ratio(100 * (current - previous), previous)


def page_views(period: Period) -> list[tuple[date, int]]:
    """Return the number of page views of each day of UTC that has any, in order."""
    return [(day, views) for day, views in period.read(_DAYS)]


def top_pages(period: Period, limit: int) -> list[Page]:
    """Return the URLs with most page views, those of equal numbers by code points."""
    return [
        Page(url, views, visitors, rounded_ratio(100 * bounced, all), _mean_seconds(duration, all))
        for url, views, visitors, bounced, all, duration in period.read(_TOP_PAGES, limit=limit)
    ]


def referrers(period: Period, limit: int) -> list[Referrer]:
    """Return the hosts of referrers, without www., that brought most page views."""
    return [Referrer(*row) for row in period.read(_REFERRERS, direct=DIRECT, limit=limit)]


def devices(period: Period) -> dict[str, int]:
    """Return the number of page views of each type of device."""
    found = dict(period.read(_DEVICES, other=OTHER))
    return {device: found.get(device, 0) for device in (*DeviceType.values, OTHER)}


def _totals(
    views: int, visitors: int, sessions: int, bounced: int, all_sessions: int, duration: timedelta
) -> Metrics:
    """Return the totals of a period; `sessions` are those with a page view."""
    return Metrics(
        page_views=views,
        unique_visitors=visitors,
        sessions=sessions,
        avg_session_duration=_mean_seconds(duration, all_sessions),
        bounce_rate=rounded_ratio(100 * bounced, sessions) if sessions else 0,
    )


def _mean_seconds(total: timedelta, sessions: int) -> int:
    return rounded_ratio(total // timedelta(milliseconds=1), sessions * 1000)
