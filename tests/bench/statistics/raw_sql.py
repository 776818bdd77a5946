"""The same questions by SQL over events, as it is done where nothing is derived of them"""

import time
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import UUID

import psycopg

from config.db import uuid7
from config.db.embedded_postgres import database_url
from tests.bench.statistics.data import Data, Size

TURNS = 3

_EVENTS = "FROM analytics_event WHERE website_id = %(website)s AND id >= %(low)s AND id < %(high)s"
_CONTEXTS = _EVENTS.replace("analytics_event", "analytics_clientcontext")
_COUNTS = """
count(DISTINCT visitor_id) AS visitors, count(DISTINCT session_id),
count(*) FILTER (WHERE event_type = 'pageview')
"""
_TOTALS = """
SELECT count(DISTINCT visitor_id), count(*), sum(views),
       count(*) FILTER (WHERE views = 1)::float / count(*) FILTER (WHERE views > 0),
       avg(ended - began)
  FROM (
    SELECT min(visitor_id) AS visitor_id, min(created_at) AS began, max(created_at) AS ended,
           count(*) FILTER (WHERE event_type = 'pageview') AS views
      FROM event GROUP BY session_id
  ) AS session
"""
_IN_COUNTRY = f"SELECT DISTINCT session_id {_CONTEXTS} AND country = 'DE'"
STATEMENTS = {
    "totals": f"WITH event AS NOT MATERIALIZED (SELECT * {_EVENTS}) {_TOTALS}",
    "series": f"SELECT date_trunc('day', created_at) AS day, {_COUNTS} {_EVENTS} GROUP BY day",
    "pages": f"""
        SELECT substring(url FROM '^[^:]+://[^/?#]*([^?#]*)') AS page, {_COUNTS} {_EVENTS}
           AND event_type = 'pageview' GROUP BY page ORDER BY visitors DESC LIMIT 10
    """,
    "sources": f"""
        SELECT substring(referrer FROM '^[^:]+://([^/?#]*)') AS source, {_COUNTS} {_EVENTS}
           AND event_type = 'pageview' GROUP BY source ORDER BY visitors DESC LIMIT 10
    """,
    "countries": f"""
        SELECT country, {_COUNTS} FROM (SELECT * {_EVENTS}) AS event
          JOIN (SELECT DISTINCT ON (session_id) session_id, country {_CONTEXTS}) AS context
         USING (session_id) GROUP BY country ORDER BY visitors DESC LIMIT 10
    """,
    "filtered totals": f"""
        WITH event AS NOT MATERIALIZED (SELECT * {_EVENTS} AND session_id IN ({_IN_COUNTRY}))
        {_TOTALS}
    """,
}


def milliseconds_of(data: Data, size: Size, website_id: str) -> dict[str, float]:
    """Return how long each statement takes in the middle of some turns."""
    end = datetime(size.until.year, size.until.month, size.until.day, tzinfo=UTC)
    bounds = {"low": uuid7.floor(end - timedelta(days=size.days)), "high": uuid7.floor(end)}
    values = {"website": UUID(website_id)} | bounds
    found: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    url = database_url(data.directory, "millrace_analytics")
    with psycopg.connect(url, autocommit=True) as database:
        for _ in range(TURNS):
            for name, statement in STATEMENTS.items():
                started = time.perf_counter()
                database.execute(statement, values).fetchall()
                found[name].append((time.perf_counter() - started) * 1000)
    return {name: median(times) for name, times in found.items()}
