"""A website of two million sessions, made as rows: their events would take an hour to generate"""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from config.db import uuid7
from config.db.embedded_postgres import database_url
from tests.bench.figures import row
from tests.bench.statistics.data import Data, Size, token_of
from tests.support.live_client import event, send_request

NAME = "Sessions"
PAGE = "/articles/1"  # that many view
SESSIONS = 2_000_000
VISITORS = 1_430_000
# Spread evenly over time, with three page views in the mean, 40 s apart. The first of 40 countries
# has 16 %, DE 4 %; the first of 2,000 pages 6 % of the views, the first of 50 sources 27 %.
_INSERT = """
INSERT INTO analytics_websitesession (
    id, created_at, website_id, ended_at, visitor, page_views, custom_events, engaged_seconds,
    timed_views, scrolled_pages, scroll_percents, is_bot, is_irregular, is_truncated, session_id,
    hostname, entry_page, exit_page, source, channel, referrer, country, browser, browser_version,
    os, os_version, device, language, screen, hit_types, hit_times, hit_pages, hit_names,
    hit_seconds
)
SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(md5(number::text), 1, 3)
            || '8' || substr(md5(number::text), 4, 15))::uuid,
       to_timestamp(ms / 1000.0), %(website)s, to_timestamp(ms / 1000.0) + views * interval '40 s',
       1 + (random() * (%(visitors)s - 1))::int, views, signups, 25 * views, views, 0, 0,
       false, false, false, 'session-' || number, 'sessions.example', pages[1], pages[views],
       sources[1 + power(random(), 3) * 49], 'Referral', 'sessions.example',
       countries[1 + power(random(), 2) * 39], 'Chrome', '120', 'Windows', '10', 'desktop', 'en-US',
       '1920x1080', repeat('P', views) || repeat('C', signups),
       (SELECT array_agg(place * 40000::bigint)
          FROM generate_series(0, views + signups - 1) AS place),
       pages || array_fill('/articles/1'::text, ARRAY[signups]),
       CASE WHEN signups > 0 THEN array_fill(NULL::text, ARRAY[views]) || 'signup'::text END,
       array_fill(25, ARRAY[views]) || array_fill(NULL::int, ARRAY[signups])
  FROM (
    SELECT number, ms, views, (random() < 0.05)::int AS signups,
           (SELECT array_agg('/articles/' || (power(random(), 3) * 2000 + 0 * place * number)::int)
              FROM generate_series(1, views) AS place) AS pages
      FROM (
        SELECT number, %(start)s + number::bigint * %(step)s AS ms,
               1 + (random() * random() * 8)::int AS views
          FROM generate_series(1, %(sessions)s - 1) AS number OFFSET 0
      ) AS session OFFSET 0
  ) AS session
 CROSS JOIN (
    SELECT (SELECT array_agg('Source ' || n ORDER BY n) FROM generate_series(1, 50) AS n)
           AS sources,
           (SELECT array_agg('D' || chr(65 + n) ORDER BY n) FROM generate_series(0, 25) AS n)
           || (SELECT array_agg('F' || chr(65 + n) ORDER BY n) FROM generate_series(0, 13) AS n)
           AS countries
  ) AS value
"""


def prepare(data: Data, size: Size) -> None:
    """Make the sessions and seal their days, unless they are there; print how long it took."""
    with data.serving() as server:
        token = token_of(server)
        response = send_request(server.port, "GET", "/api/v1/websites", token=token)
        if any(website["name"] == NAME for website in response.json["websites"]):
            return
        site = {"name": NAME, "domain": "sessions.example"}
        website = send_request(server.port, "POST", "/api/v1/websites", site, token=token).json
        send_request(server.port, "POST", "/api/v1/events", event(website["trackingCode"]))
    rollup = ("manage.py", "rollup", "--website", website["id"])
    started = time.monotonic()
    with data.postgres():
        data.run(*rollup)  # so that the website is known to be up to date
        _insert(data, UUID(website["id"]), size)
        row("s to make two million sessions", time.monotonic() - started)
        row("s to seal their days", data.run(*rollup))


def _insert(data: Data, website_id: UUID, size: Size) -> None:
    end = datetime(size.until.year, size.until.month, size.until.day, tzinfo=UTC)
    start = end - timedelta(days=size.days)
    values = {
        "website": website_id,
        "visitors": VISITORS,
        "sessions": SESSIONS,
        "start": uuid7.to_ms(start),
        "step": (uuid7.to_ms(end) - uuid7.to_ms(start)) // SESSIONS,
    }
    url = database_url(data.directory, "millrace_analytics")
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(_INSERT, values)
        database.execute("VACUUM ANALYZE analytics_websitesession")
