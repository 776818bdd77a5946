"""What happens on a website right now, read from its events alone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections

from analytics.events.models import Event
from analytics.reports.labels import label
from analytics.reports.pages import page_of
from analytics.reports.question import Row
from analytics.reports.session_facts import SiteRules, country_code
from analytics.reports.session_rows import LONG
from analytics.reports.site_rules import rules_of
from analytics.reports.sources import source_of
from config.db import uuid7
from config.db.routers import home
from websites.models import Website

MINUTE = timedelta(minutes=1)
MINUTES = 30
PRESENT = timedelta(minutes=5)  # for so long after an event a visitor is there
MAX_ROWS = 10
MAX_EVENTS = 20
MAX_VIEWS = 20_000  # pages of sessions that are looked at, the latest ones


class MinuteCounts(NamedTuple):
    """What happened in the minute that begins at a time."""

    start: datetime
    page_views: int = 0
    visitors: int = 0


class LiveEvent(NamedTuple):
    """One event, without what tells whose it is."""

    at: datetime
    type: str
    page: str
    name: str | None
    country: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Live:
    """The last minutes of a website.

    visitors: those who are there. pages, sources, countries: those with most visitors.
    """

    start: datetime
    end: datetime
    visitors: int
    minutes: Sequence[MinuteCounts]
    pages: Sequence[Row]
    sources: Sequence[Row]
    countries: Sequence[Row]
    events: Sequence[LiveEvent]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a session came from."""

    source: str | None
    country: str | None


def live(website: Website, now: datetime) -> Live:
    """Return what happens on a website; the present minute is the last one."""
    end = now.replace(second=0, microsecond=0) + MINUTE
    start = end - MINUTES * MINUTE
    reader = _Reader(website, now, start, end)
    views, events = reader.views(), reader.events()
    origins = reader.origins([*views, *events])
    pages, sources, countries = _Counts("page"), _Counts("source"), _Counts("country")
    for view in views:
        origin = origins[view.session_id]
        sources.add(origin.source, view.visitor_id, view.page_views)
        countries.add(origin.country, view.visitor_id, view.page_views)
        if view.page_views:
            page = page_of(view.url, reader.rules.page_rules)
            pages.add(page, view.visitor_id, view.page_views)
    visitors, minutes = reader.minutes()
    top = pages.top(), sources.top(), countries.top()
    return Live(
        start, end, visitors, minutes, *top, [reader.shown(each, origins) for each in events]
    )


class _Seen(NamedTuple):
    """An event, or some of one page of a session and the first of them."""

    id: Any
    session_id: str
    visitor_id: str
    url: str
    referrer: str | None
    location: str | None
    type: str
    name: str | None
    page_views: int


@dataclass(slots=True)
class _Counts:
    """Visitors and page views by value."""

    dimension: str
    visitors: defaultdict[str | None, set[str]] = field(default_factory=lambda: defaultdict(set))
    page_views: defaultdict[str | None, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, value: str | None, visitor_id: str, page_views: int) -> None:
        self.visitors[value].add(visitor_id)
        self.page_views[value] += page_views

    def top(self) -> list[Row]:
        ordered = sorted(self.visitors, key=lambda value: (-len(self.visitors[value]), value or ""))
        return [
            Row(
                value,
                {"visitors": len(self.visitors[value]), "pageviews": self.page_views[value]},
                label=label(self.dimension, value),
            )
            for value in ordered[:MAX_ROWS]
        ]


@dataclass(slots=True)
class _Reader:
    """The statements, all of the events of one window."""

    website: Website
    now: datetime
    start: datetime
    end: datetime
    rules: SiteRules = field(init=False)

    def __post_init__(self) -> None:
        self.rules = rules_of(self.website)

    def minutes(self) -> tuple[int, list[MinuteCounts]]:
        """Return the visitors who are there, and the counts of each minute."""
        found = {row[0]: row for row in self._rows(_MINUTES)}
        starts = [self.start + n * MINUTE for n in range(MINUTES)]
        minutes = [
            MinuteCounts(start, *found[start][1:3]) if start in found else MinuteCounts(start)
            for start in starts
        ]
        return found[None][3], minutes

    def views(self) -> list[_Seen]:
        """Return the pages of sessions that were seen latest."""
        return [_Seen(*row) for row in self._rows(_VIEWS)]

    def events(self) -> list[_Seen]:
        """Return the latest events, the newest first."""
        return [_Seen(*row) for row in self._rows(_EVENTS)]

    def origins(self, seen: Iterable[_Seen]) -> dict[str, Origin]:
        """Return where sessions came from.

        That is the first event of a session, which may be older than the window: then its session
        row tells it, or as long as there is none, the first event of the window.
        """
        first: dict[str, _Seen] = {}
        for each in seen:
            known = first.setdefault(each.session_id, each)
            if each.id < known.id:
                first[each.session_id] = each
        found = {}
        for id, is_known, source, country, place in self._rows(_ORIGINS, sessions=[*first]):
            event = first[id]
            if not is_known:
                source = source_of(event.url, event.referrer, self.rules.own_hosts).name
                country = country_code(event.location) or place
            found[id] = Origin(source, country)
        return found

    def shown(self, event: _Seen, origins: dict[str, Origin]) -> LiveEvent:
        """Return an event without ids."""
        origin = origins[event.session_id]
        page = page_of(event.url, self.rules.page_rules)
        at = uuid7.time_of(event.id)
        return LiveEvent(at, event.type, page, event.name, origin.country, origin.source)

    def _rows(self, query: str, **more: Any) -> list[tuple[Any, ...]]:
        values: dict[str, Any] = {
            "website": self.website.pk,
            "events": MAX_EVENTS,
            "views": MAX_VIEWS,
            "start": uuid7.floor(self.start),
            "end": uuid7.floor(self.end),
            "present": self.now - PRESENT,
            "day_before": uuid7.floor(self.start - LONG),
        }
        with connections[home(Event)].cursor() as cursor:
            cursor.execute(query, values | more)
            return list(cursor.fetchall())


# Events of people that count; each session is asked once whether it is a bot's.
_HITS = """
WITH event AS MATERIALIZED (
    SELECT id, created_at, session_id, visitor_id, url, referrer, location, event_type AS type,
           CASE
               WHEN event_type = 'custom' AND json_typeof(properties -> 'name') = 'string'
                   THEN properties ->> 'name'
               WHEN event_type = 'click' AND properties ->> 'kind' IN ('outbound', 'download')
                AND json_typeof(properties -> 'href') = 'string' THEN properties ->> 'href'
           END AS name
      FROM analytics_event
     WHERE website_id = %(website)s AND id >= %(start)s AND id < %(end)s
), bot AS MATERIALIZED (
    SELECT session_id FROM (SELECT DISTINCT session_id FROM event) AS seen
     WHERE EXISTS (
        SELECT FROM analytics_clientcontext AS context
         WHERE website_id = %(website)s AND hashtext(context.session_id) = hashtext(seen.session_id)
           AND context.session_id = seen.session_id AND is_bot AND id >= %(day_before)s
     )
), hit AS (
    SELECT * FROM event
     WHERE NOT (type = 'custom' AND coalesce(name, '') LIKE '$%%')
       AND session_id NOT IN (SELECT session_id FROM bot)
)
"""
_MINUTES = f"""
{_HITS}
SELECT date_trunc('minute', created_at) AS minute, count(*) FILTER (WHERE type = 'pageview'),
       count(DISTINCT visitor_id),
       count(DISTINCT visitor_id) FILTER (WHERE created_at >= %(present)s)
  FROM hit GROUP BY GROUPING SETS ((minute), ())
"""
_VIEWS = f"""
{_HITS}
SELECT (array_agg(id ORDER BY id))[1], session_id, visitor_id, url,
       (array_agg(referrer ORDER BY id))[1], (array_agg(location ORDER BY id))[1], 'pageview', NULL,
       count(*) FILTER (WHERE type = 'pageview')
  FROM hit GROUP BY session_id, visitor_id, url
 ORDER BY (array_agg(id ORDER BY id DESC))[1] DESC LIMIT %(views)s
"""
_EVENTS = f"""
{_HITS}
SELECT id, session_id, visitor_id, url, referrer, location, type, name, 0
  FROM hit ORDER BY id DESC LIMIT %(events)s
"""
_ORIGINS = """
SELECT asked.id, known.id IS NOT NULL, known.source, known.country, context.country
  FROM unnest(%(sessions)s::varchar[]) AS asked (id)
  LEFT JOIN LATERAL (
    SELECT id, source, country FROM analytics_websitesession AS session
     WHERE website_id = %(website)s AND hashtext(session_id) = hashtext(asked.id)
       AND session_id = asked.id AND session.id >= %(day_before)s
     LIMIT 1
  ) AS known ON true
  LEFT JOIN LATERAL (
    SELECT country FROM analytics_clientcontext AS context
     WHERE website_id = %(website)s AND hashtext(session_id) = hashtext(asked.id)
       AND session_id = asked.id AND context.id >= %(day_before)s AND country IS NOT NULL
     ORDER BY context.id LIMIT 1
  ) AS context ON true
"""
