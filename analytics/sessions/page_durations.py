"""Durations of page views, from the next one of their session"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connections

from analytics.sessions.models import PageViewRow
from config.db import cluster, uuid7
from config.db.routers import ANALYTICS

LONGEST_VIEW = timedelta(seconds=3600)  # a longer one was a forgotten tab
LOCK = "FOR NO KEY UPDATE SKIP LOCKED"

# Bounds on ids are bounds on times. Those of the whole group, low and high, are there for pruning:
# months that none of it can be in are skipped before the statement runs.
_ARRIVED = """
    unnest(%(ids)s, %(session_ids)s, %(times)s::timestamptz[], %(earliest)s)
        AS arrived (id, session_id, at, earliest)
"""
# By the index of (session_id, id): one row of each session, however many it has in an hour.
_PREVIOUS = f"""
    SELECT page_view.id, extract(epoch FROM at - page_view.created_at) AS seconds
    FROM {_ARRIVED}
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM analytics_pageview
        WHERE session_id = arrived.session_id AND id >= earliest AND id < arrived.id
            AND id >= %(low)s AND id < %(high)s
        ORDER BY id DESC LIMIT 1
    ) AS page_view
"""
# A cluster limits no subquery of each row, and so reads all those of an hour.
_PREVIOUS_ON_SHARDS = f"""
    SELECT DISTINCT ON (arrived.id)
        page_view.id, extract(epoch FROM at - page_view.created_at) AS seconds
    FROM {_ARRIVED}
    JOIN analytics_pageview AS page_view ON page_view.session_id = arrived.session_id
        AND page_view.id >= arrived.earliest AND page_view.id < arrived.id
        AND page_view.id >= %(low)s AND page_view.id < %(high)s
    ORDER BY arrived.id, page_view.id DESC
"""
_FILL_IN = """
WITH previous AS ({previous}), unfilled AS (
    -- One that somebody has locked is just being left, and gets its duration there.
    SELECT id FROM analytics_pageview
    WHERE id = ANY (ARRAY (SELECT id FROM previous)) AND id >= %(low)s AND id < %(high)s
        AND duration_seconds IS NULL
    {lock}
)
UPDATE analytics_pageview AS page_view SET duration_seconds = previous.seconds
FROM previous
WHERE page_view.id = previous.id AND page_view.id = ANY (ARRAY (SELECT id FROM unfilled))
    AND page_view.id >= %(low)s AND page_view.id < %(high)s
    AND page_view.duration_seconds IS NULL  -- still, where nothing was locked
"""


def fill_in(views: Sequence[PageViewRow]) -> None:
    """Set the duration of the latest page view before each of these, unless it is known.

    This is a statement of its own, after the sessions were locked: only so does it see what
    another process has just stored in them.
    """
    earliest = [uuid7.floor(view.created_at - LONGEST_VIEW) for view in views]
    values: dict[str, Any] = {
        "ids": [view.id for view in views],
        "session_ids": [view.session_id for view in views],
        "times": [view.created_at for view in views],
        "earliest": earliest,
        "low": min(earliest),
        "high": max(view.id for view in views),
    }
    previous = _PREVIOUS_ON_SHARDS if cluster.is_cluster(ANALYTICS) else _PREVIOUS
    statement = _FILL_IN.format(previous=previous, lock=cluster.row_lock(ANALYTICS, LOCK))
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute(statement, values)
