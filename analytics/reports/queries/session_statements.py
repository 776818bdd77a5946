"""Statements that sum sessions and their hits, with places for what differs between questions"""

from analytics.reports.queries.conditions import EVENTS_OF_RANGE, OF_NAMES

OVERLAP = "session.is_bot = %(bots)s AND session.ended_at >= %(start)s"
# As the condition of an index has it. Few sessions last so long.
OVER_AN_HOUR = "ended_at - created_at > interval '1 hour'"
# Those that may overlap a range. With OR, PostgreSQL would read all sessions before the range.
SESSIONS = f"""
(
    SELECT * FROM analytics_websitesession
     WHERE website_id = %(website)s AND id >= %(hour_before)s AND id < %(end)s
     UNION ALL
    SELECT * FROM analytics_websitesession
     WHERE website_id = %(website)s AND id >= %(day_before)s AND id < %(hour_before)s
       AND {OVER_AN_HOUR}
     UNION ALL
    SELECT * FROM analytics_websitesession
     WHERE website_id = %(website)s AND id < %(day_before)s AND is_irregular
) AS session
"""
# Those of a range that do not lie within it, or have several visitors.
IRREGULAR_SESSIONS = f"""
(
    SELECT * FROM analytics_websitesession
     WHERE website_id = %(website)s AND id >= %(hour_before)s AND id < %(start_id)s
       AND NOT is_irregular
     UNION ALL
    SELECT * FROM analytics_websitesession
     WHERE website_id = %(website)s AND id >= %(day_before)s AND id < %(hour_before)s
       AND NOT is_irregular AND {OVER_AN_HOUR}
     UNION ALL
    SELECT * FROM analytics_websitesession
     WHERE website_id = %(website)s AND id >= greatest(%(start_id)s, %(last_hour)s)
       AND id < %(end)s AND ended_at >= %(end_time)s AND NOT is_irregular
     UNION ALL
    SELECT * FROM analytics_websitesession
     WHERE website_id = %(website)s AND id >= greatest(%(start_id)s, %(last_day)s)
       AND id < %(last_hour)s AND ended_at >= %(end_time)s AND NOT is_irregular
       AND {OVER_AN_HOUR}
     UNION ALL
    SELECT * FROM analytics_websitesession
     WHERE website_id = %(website)s AND id < %(end)s AND is_irregular
) AS session
"""
# Beside sessions; the time of an event is relative, as those of hits are.
EVENTS_WITH = f"""
  JOIN (
    SELECT session_id, name, at, number
      FROM (
        SELECT website_id, visitor_id, session_id, {{name}} AS name, created_at AS at
          FROM analytics_event AS event WHERE {EVENTS_OF_RANGE} AND {{has}}
        OFFSET 0  -- apart: the nodes of a cluster have events and visitors by other columns
      ) AS event JOIN analytics_websitevisitor USING (website_id, visitor_id)
  ) AS event ON hashtext(event.session_id) = hashtext(session.session_id)
            AND event.session_id = session.session_id
 CROSS JOIN LATERAL (
    SELECT event.name, 'c' AS type, event.number AS visitor, NULL::int AS seconds,
           NULL::int AS scroll, extract(epoch FROM event.at - session.created_at) * 1000 AS time
  ) AS hit
"""
# The sessions that fit. PostgreSQL keeps them aside if more than one of the following reads them.
CHOSEN = """
WITH chosen AS (
    SELECT id, created_at, ended_at, visitor, page_views, custom_events, engaged_seconds,
           timed_views, scrolled_pages, scroll_percents, session_id, hostname, hit_types, hit_times,
           hit_pages, hit_names, hit_hosts, hit_seconds, hit_scrolls, hit_visitors, {columns}
      FROM {source} WHERE {sessions}
)
"""
# Most sessions lie within the one bucket that is asked for, and have one visitor. This is as simple
# as it is so that PostgreSQL shares it among processes.
REGULAR = """
SELECT {n}, 1, {value}, {column_counts}, string_agg(int4send(visitor), '')
  FROM analytics_websitesession AS session
 WHERE website_id = %(website)s AND id >= %(start_id)s AND id < %(end)s AND NOT is_irregular
   AND ended_at < %(end_time)s AND {sessions}
 GROUP BY 3
"""
# A session that lies within one bucket and has one visitor is one row, and counts by its columns;
# others are taken apart: a row for the session, numbered 0, and one for each hit.
WHOLE = """
SELECT {n}, {bucket}, value, {piece_counts},
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
                  FROM chosen AS session
              ) AS session
          ) AS session
      ) AS piece
  ) AS piece
 WHERE bucket BETWEEN 1 AND %(buckets)s
 GROUP BY 2, 3
"""
SESSION_BUCKET = "width_bucket(created_at, %(edges)s)"
HIT_BUCKET = "width_bucket(created_at + hit.time * interval '1 ms', %(edges)s)"
# Which hits are the first of their session with their value.
FIRST_OF_KIND = "hit.type = upper(hit.type)"
FIRST = dict.fromkeys(OF_NAMES, FIRST_OF_KIND) | {
    "page": "(hit.type <> 'p' AND array_position(session.hit_pages, hit.page) = hit.position)",
    "hostname": """
        CASE WHEN session.hit_hosts IS NULL THEN hit.position = 1
             ELSE array_position(session.hit_hosts, hit.host) = hit.position END
    """,
}
# Both at once: the session counts with the first hit that it has with a value.
SESSIONS_WITH_HITS = f"""
SELECT {{n}}, 1, value, {{first_hit_counts}},
       string_agg(int4send(visitor), '') FILTER (WHERE is_within)
  FROM (
    SELECT {{value}} AS value, created_at, ended_at, page_views, custom_events, engaged_seconds,
           entry_page, exit_page, hit.type, hit.seconds, hit.scroll,
           coalesce(hit.visitor, session.visitor) AS visitor,
           created_at >= %(start)s AND {{is_first}} AS begins, {HIT_BUCKET} = 1 AS is_within
      FROM chosen AS session {{hits}}
     WHERE {{counting_hits}}
  ) AS hit
 WHERE begins OR is_within
 GROUP BY 3
"""
SESSIONS_ALONE = """
SELECT {n}, {session_bucket}, {value}, {session_counts}, NULL::bytea
  FROM chosen AS session WHERE created_at >= %(start)s
 GROUP BY 2, 3
"""
SESSIONS_OF_HITS = f"""
SELECT {{n}}, bucket, value, {{session_and_end_counts}}, NULL::bytea
  FROM (
    SELECT DISTINCT session.id, {SESSION_BUCKET} AS bucket, {{value}} AS value, page_views,
           custom_events, engaged_seconds, created_at, ended_at, entry_page, exit_page
      FROM chosen AS session {{hits}}
     WHERE created_at >= %(start)s AND {{counting_hits}}
  ) AS session
 GROUP BY 2, 3
"""
HITS_ALONE = f"""
SELECT {{n}}, {{hit_bucket}}, {{value}}, {{hit_counts}},
       string_agg(int4send(coalesce(hit.visitor, session.visitor)), '')
  FROM chosen AS session {{hits}}
 WHERE {{counting_hits}} AND {HIT_BUCKET} BETWEEN 1 AND %(buckets)s
 GROUP BY 2, 3
"""
