"""Sums of the sessions of a website, read by one or two statements.

A statement tells the sums of each value of a dimension, in each of some buckets of time. The edges
of buckets come from Python, which knows time zones; SQL only looks up in which one a time lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections

from analytics.reports.conditions import (
    COLUMNS,
    EVENTS_OF_RANGE,
    HITS,
    HOST,
    OF_NAMES,
    PROPERTY,
    Parameters,
    has_property,
    hit_restriction,
    is_of_hits,
    of_session,
    property_text,
)
from analytics.reports.models import WebsiteSession
from analytics.reports.question import Condition
from analytics.reports.sums import NOTHING, Sums, visitors_of
from config.db import uuid7
from config.db.routers import home

LONG = timedelta(hours=24)
ENGAGED_SECONDS = 10
TOTAL = "total"  # the dimension that has one value, of everything

Key = tuple[int, str | None]  # a bucket from 0 on, and a value


@dataclass(frozen=True, slots=True)
class Selection:
    """Which sessions of a website are meant, and the buckets of time that are asked for.

    edges: the start of each bucket, and the end of the last one.
    """

    website_id: UUID
    edges: Sequence[datetime]
    conditions: Sequence[Condition] = ()
    bots: bool = False


def sums_by(selection: Selection, dimension: str = TOTAL) -> dict[Key, Sums]:
    """Return the sums of each bucket and value that has any."""
    statement = _Statement(selection, dimension)
    is_of_sessions = dimension == TOTAL or dimension in COLUMNS
    if is_of_sessions and not any(is_of_hits(each.dimension) for each in selection.conditions):
        return statement.run(_WHOLE)
    sessions = statement.run(_SESSIONS if is_of_sessions else _SESSIONS_OF_HITS)
    hits = statement.run(_HITS_ALONE)
    return {key: sessions.get(key, NOTHING) + hits.get(key, NOTHING) for key in sessions | hits}


@dataclass(slots=True)
class _Statement:
    """What the statements of a selection and a dimension have in common, and their parameters."""

    selection: Selection
    dimension: str
    parameters: Parameters = field(default_factory=Parameters)

    def run(self, template: str) -> dict[Key, Sums]:
        """Return what a statement tells."""
        is_kind = self.dimension in OF_NAMES or self.dimension.startswith(PROPERTY)
        sql = template.format(
            value=self._value(),
            sessions=self._sessions(),
            hits=self._hits(),
            counting_hits=self._counting_hits(),
            is_event="true" if is_kind else "lower(hit.type) = 'c'",
            is_page="true" if self.dimension == "page" else "false",
        )
        edges = self.selection.edges
        values = self.parameters.values | {
            "edges": list(edges),
            "buckets": len(edges) - 1,
            "website": self.selection.website_id,
            "start": edges[0],
            "start_id": uuid7.floor(edges[0]),
            "day_before": uuid7.floor(max(edges[0], uuid7.from_ms(0) + LONG) - LONG),
            "end": uuid7.floor(edges[-1]),
            "bots": self.selection.bots,
            "engaged": ENGAGED_SECONDS,
        }
        with connections[home(WebsiteSession)].cursor() as cursor:
            cursor.execute(sql, values)
            return {
                (bucket - 1, name): Sums.of(counts, visitors_of(visitors))
                for bucket, name, *counts, visitors in cursor
            }

    def _sessions(self) -> str:
        """Return which sessions are meant: those that overlap the buckets and fit."""
        fits = [of_session(each, self.parameters) for each in self.selection.conditions]
        return " AND ".join([_OVERLAP, *fits])

    def _value(self) -> str:
        """Return the value of a session, or of a hit."""
        if self.dimension == TOTAL:
            return "NULL::text"
        if self.dimension in COLUMNS:
            return f"session.{COLUMNS[self.dimension]}"
        return {"page": "hit.page", "hostname": HOST}.get(self.dimension, "hit.name")

    def _hits(self) -> str:
        """Return the hits of sessions; for a property, events that have it."""
        if not self.dimension.startswith(PROPERTY):
            return f"CROSS JOIN LATERAL {HITS}"
        key = self.parameters.add(self.dimension.removeprefix(PROPERTY))
        return _EVENTS_WITH.format(name=property_text(key), has=has_property(key))

    def _counting_hits(self) -> str:
        """Return which of their hits count."""
        if self.dimension.startswith(PROPERTY):
            return "true"
        restriction = hit_restriction(self.selection.conditions, self.parameters)
        letter = OF_NAMES.get(self.dimension)
        is_of_kind = f"lower(hit.type) = '{letter}'" if letter else ""
        return " AND ".join(filter(None, [is_of_kind, restriction])) or "true"


_OVERLAP = """
session.website_id = %(website)s AND session.is_bot = %(bots)s AND session.ended_at >= %(start)s
AND session.id < %(end)s AND (session.id >= %(day_before)s OR session.is_long)
"""
# Beside sessions; the time of an event is told as those of hits are.
_EVENTS_WITH = f"""
  JOIN (
    SELECT session_id, {{name}} AS name, created_at AS at, number
      FROM analytics_event AS event JOIN analytics_websitevisitor USING (website_id, visitor_id)
     WHERE {EVENTS_OF_RANGE} AND {{has}}
  ) AS event ON hashtext(event.session_id) = hashtext(session.session_id)
            AND event.session_id = session.session_id
 CROSS JOIN LATERAL (
    SELECT event.name, 'c' AS type, event.number AS visitor, NULL::int AS seconds,
           NULL::int AS scroll, extract(epoch FROM event.at - session.created_at) * 1000 AS time
  ) AS hit
"""
_SESSION_COUNTS = """
       count(*) FILTER (WHERE page_views > 0),
       count(*) FILTER (WHERE page_views = 1),
       count(*) FILTER (
           WHERE page_views > 1 OR custom_events > 0 OR engaged_seconds >= %(engaged)s
       ),
       coalesce(extract(epoch FROM sum(ended_at - created_at)) * 1000, 0)::bigint
"""
# A session that lies within one bucket and has one visitor is one row, and counts by its columns;
# others are taken apart: a row for the session, numbered 0, and one for each hit.
_WHOLE = """
SELECT bucket, value,
       count(*) FILTER (WHERE n = 0),
       count(*) FILTER (WHERE n = 0 AND page_views > 0),
       count(*) FILTER (WHERE n = 0 AND page_views = 1),
       count(*) FILTER (WHERE n = 0 AND (
           page_views > 1 OR custom_events > 0 OR engaged_seconds >= %(engaged)s
       )),
       coalesce(
           extract(epoch FROM sum(ended_at - created_at) FILTER (WHERE n = 0)) * 1000, 0
       )::bigint,
       sum(CASE WHEN is_whole THEN page_views ELSE (lower(type) = 'p')::int END),
       sum(CASE WHEN is_whole THEN custom_events ELSE (lower(type) = 'c')::int END),
       sum(CASE WHEN is_whole THEN timed_views ELSE (seconds IS NOT NULL)::int END),
       sum(CASE WHEN is_whole THEN engaged_seconds ELSE coalesce(seconds, 0) END),
       sum(CASE WHEN is_whole THEN scrolled_pages ELSE (scroll IS NOT NULL)::int END),
       sum(CASE WHEN is_whole THEN scroll_percents ELSE coalesce(scroll, 0) END),
       0, 0,
       string_agg(int4send(visitor), '') FILTER (WHERE is_whole OR n > 0)
  FROM (
    SELECT n, value, is_whole, created_at, ended_at, page_views, custom_events, engaged_seconds,
           timed_views, scrolled_pages, scroll_percents,
           CASE WHEN n = 0 THEN first_bucket
                ELSE width_bucket(created_at + hit_times[n] * interval '1 ms', %(edges)s) END
               AS bucket,
           CASE WHEN n > 0 THEN substr(hit_types, n, 1) ELSE '' END AS type,
           CASE WHEN n > 0 THEN hit_seconds[n] END AS seconds,
           CASE WHEN n > 0 THEN hit_scrolls[n] END AS scroll,
           CASE WHEN n > 0 THEN coalesce(hit_visitors[n], visitor) ELSE visitor END AS visitor
      FROM (
        SELECT *, generate_series(
                   0, CASE WHEN is_whole THEN 0 ELSE cardinality(hit_times) END
               ) AS n
          FROM (
            SELECT *, first_bucket = last_bucket AND hit_visitors IS NULL AS is_whole
              FROM (
                SELECT {value} AS value, created_at, ended_at, visitor, page_views, custom_events,
                       engaged_seconds, timed_views, scrolled_pages, scroll_percents, hit_types,
                       hit_times, hit_seconds, hit_scrolls, hit_visitors,
                       width_bucket(created_at, %(edges)s) AS first_bucket,
                       width_bucket(ended_at, %(edges)s) AS last_bucket
                  FROM analytics_websitesession AS session WHERE {sessions}
              ) AS session
          ) AS session
      ) AS piece
  ) AS piece
 WHERE bucket BETWEEN 1 AND %(buckets)s
 GROUP BY bucket, value
"""
_SESSIONS = f"""
SELECT width_bucket(created_at, %(edges)s) AS bucket, {{value}} AS value, count(*),
{_SESSION_COUNTS}, 0, 0, 0, 0, 0, 0, 0, 0, NULL
  FROM analytics_websitesession AS session
 WHERE {{sessions}} AND created_at >= %(start)s GROUP BY bucket, value
"""
_SESSIONS_OF_HITS = f"""
SELECT bucket, value, count(*),
{_SESSION_COUNTS}, 0, 0, 0, 0, 0, 0,
       count(*) FILTER (WHERE {{is_page}} AND value = entry_page),
       count(*) FILTER (WHERE {{is_page}} AND value = exit_page), NULL
  FROM (
    SELECT DISTINCT session.id, width_bucket(created_at, %(edges)s) AS bucket, {{value}} AS value,
           page_views, custom_events, engaged_seconds, created_at, ended_at, entry_page, exit_page
      FROM analytics_websitesession AS session {{hits}}
     WHERE {{sessions}} AND created_at >= %(start)s AND {{counting_hits}}
  ) AS session
 GROUP BY bucket, value
"""
_HITS_ALONE = """
SELECT width_bucket(created_at + hit.time * interval '1 ms', %(edges)s) AS bucket,
       {value} AS value, 0, 0, 0, 0, 0,
       count(*) FILTER (WHERE lower(hit.type) = 'p'),
       count(*) FILTER (WHERE {is_event}),
       count(hit.seconds), coalesce(sum(hit.seconds), 0),
       count(hit.scroll), coalesce(sum(hit.scroll), 0), 0, 0,
       string_agg(int4send(coalesce(hit.visitor, session.visitor)), '')
  FROM analytics_websitesession AS session {hits}
 WHERE {sessions} AND {counting_hits}
   AND width_bucket(created_at + hit.time * interval '1 ms', %(edges)s) BETWEEN 1 AND %(buckets)s
 GROUP BY bucket, value
"""
