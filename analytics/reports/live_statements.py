"""SQL of the live view: the events of some minutes, and what is known of their sessions

The parameters are website, start, end, present, day_before and events.
"""

from dataclasses import dataclass

from analytics.events.models import Event
from config.db import cluster
from config.db.routers import home

_NAME = """
CASE
    WHEN event_type = 'custom' AND json_typeof(properties -> 'name') = 'string'
        THEN properties ->> 'name'
    WHEN event_type = 'click' AND properties ->> 'kind' IN ('outbound', 'download')
        AND json_typeof(properties -> 'href') = 'string' THEN properties ->> 'href'
END
"""
_EVENTS_OF_WINDOW = f"""
SELECT id, created_at, session_id, visitor_id, url, referrer, location, event_type, {_NAME} AS name
  FROM analytics_event WHERE website_id = %(website)s AND id >= %(start)s AND id < %(end)s
   AND NOT (event_type = 'custom' AND coalesce(properties ->> 'name', '') LIKE '$%%')
"""


@dataclass(frozen=True, slots=True)
class _Sessions:
    """How the sessions of events are looked up.

    tables: what comes before the first table expression of a statement. events: those of the
    window. is_bot, origin: a condition and joins, to `seen`, of which each row has a session_id.
    """

    tables: str
    events: str
    is_bot: str
    origin: str


_OF_SESSION = """
website_id = %(website)s AND id >= %(day_before)s
AND hashtext(session_id) = hashtext(seen.session_id) AND session_id = seen.session_id
"""
_ONE_BY_ONE = _Sessions(
    tables="",
    events=f"({_EVENTS_OF_WINDOW})",
    is_bot=f"EXISTS (SELECT FROM analytics_clientcontext WHERE {_OF_SESSION} AND is_bot)",
    origin=f"""
  LEFT JOIN LATERAL (
    SELECT true AS is_known, source, country FROM analytics_websitesession
     WHERE {_OF_SESSION} LIMIT 1
  ) AS known ON true
  LEFT JOIN LATERAL (
    SELECT country AS place FROM analytics_clientcontext
     WHERE {_OF_SESSION} AND country IS NOT NULL ORDER BY id LIMIT 1
  ) AS context ON true
""",
)
# A cluster looks up nothing row by row: its nodes send what they have of all these sessions.
_OF_ALL_SESSIONS = """
website_id = %(website)s AND id >= %(day_before)s
AND hashtext(session_id) = ANY(ARRAY(SELECT hashtext(session_id) FROM of_window))
"""
_TOGETHER = _Sessions(
    tables=f"""
of_window AS MATERIALIZED ({_EVENTS_OF_WINDOW}), known AS MATERIALIZED (
    SELECT session_id, true AS is_known, min(source) AS source, min(country) AS country
      FROM analytics_websitesession WHERE {_OF_ALL_SESSIONS} GROUP BY session_id
), context AS MATERIALIZED (
    SELECT session_id, bool_or(is_bot) AS is_bot,
           (array_agg(country ORDER BY id) FILTER (WHERE country IS NOT NULL))[1] AS place
      FROM analytics_clientcontext WHERE {_OF_ALL_SESSIONS} GROUP BY session_id
),
""",
    events="of_window",
    is_bot="seen.session_id IN (SELECT session_id FROM context WHERE is_bot)",
    origin="""
  LEFT JOIN known ON known.session_id = seen.session_id
  LEFT JOIN context ON context.session_id = seen.session_id
""",
)
_ORIGIN_COLUMNS = "coalesce(is_known, false), source, country, place"


def _present_visitors(by: _Sessions) -> str:
    return f"""
WITH {by.tables} present AS (
    SELECT visitor_id FROM {by.events} AS seen
     WHERE created_at >= %(present)s AND NOT {by.is_bot}
)
SELECT count(DISTINCT visitor_id) FROM present
"""


def _parts(by: _Sessions) -> str:
    """Return the statement for the parts.

    The events are read once, their visitors numbered, and each session asked whether it is a bot's.
    Nothing is joined with the events: PostgreSQL, which cannot know how many these are, would
    compare each with each session. `first` is the first event of a session.
    """
    return f"""
WITH {by.tables} event AS MATERIALIZED (
    SELECT *, (dense_rank() OVER (ORDER BY visitor_id COLLATE "C"))::int AS visitor
      FROM {by.events} AS event
), session AS MATERIALIZED (
    SELECT seen.*, {by.is_bot} AS is_bot FROM (
        SELECT session_id,
               min(ARRAY[id::text COLLATE "C", url, referrer, location]) AS first,
               count(*) FILTER (WHERE event_type = 'pageview') AS page_views,
               string_agg(int4send(visitor), '') AS visitors
          FROM event GROUP BY session_id
    ) AS seen
), hit AS (
    SELECT * FROM event WHERE session_id NOT IN (SELECT session_id FROM session WHERE is_bot)
)
SELECT 'minute', date_trunc('minute', created_at) AS minute, '', NULL, NULL,
       false, NULL, NULL, NULL,
       count(*) FILTER (WHERE event_type = 'pageview'), string_agg(int4send(visitor), '')
  FROM hit GROUP BY minute
UNION ALL
SELECT 'present', NULL, '', NULL, NULL, false, NULL, NULL, NULL, 0,
       string_agg(int4send(visitor), '') FROM hit WHERE created_at >= %(present)s
UNION ALL
SELECT 'page', NULL, url, NULL, NULL, false, NULL, NULL, NULL, count(*),
       string_agg(int4send(visitor), '')
  FROM hit WHERE event_type = 'pageview' GROUP BY url
UNION ALL
SELECT 'session', NULL, first[2], first[3], first[4], {_ORIGIN_COLUMNS}, page_views, visitors
  FROM session AS seen {by.origin} WHERE NOT seen.is_bot
"""


def _events(by: _Sessions) -> str:
    return f"""
WITH {by.tables} latest AS (
    SELECT * FROM {by.events} AS seen WHERE NOT {by.is_bot} ORDER BY id DESC LIMIT %(events)s
)
SELECT '', created_at, first.url, first.referrer, first.location, {_ORIGIN_COLUMNS},
       0, NULL, event_type, name, seen.url
  FROM latest AS seen {by.origin}
  JOIN LATERAL (
    SELECT url, referrer, location FROM {by.events} AS event
     WHERE hashtext(session_id) = hashtext(seen.session_id) AND session_id = seen.session_id
     ORDER BY id LIMIT 1
  ) AS first ON true
 ORDER BY seen.id DESC
"""


def _all(by: _Sessions) -> dict[str, str]:
    return {
        "present_visitors": _present_visitors(by),
        "parts": _parts(by),
        "events": _events(by),
    }


_ON_ONE_SERVER, _ON_SHARDS = _all(_ONE_BY_ONE), _all(_TOGETHER)


def of(question: str) -> str:
    """Return the statement for present_visitors, parts or events."""
    return (_ON_SHARDS if cluster.is_cluster(home(Event)) else _ON_ONE_SERVER)[question]
