"""Marks: events that came or went, and which the derived rows do not show yet.

A mark is written in the transaction of its events, so it is visible if and only if they are. The
rollup deletes it in the transaction that brings the derived rows up to date.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections
from psycopg import sql

from analytics.events.models import EventQuerySet, EventRow, EventType
from analytics.reports.derived.rollup_models import DirtyRange, EventFloor
from config.db import cluster, uuid7
from config.db.routers import home

GAP_MS = 60_000  # a mark stands for all events in between, those of others too
MAX_TAKEN = 10_000  # marks
EVENTS_OF_SESSION = 20  # about so many are read for one that is marked by its name
TYPES = tuple(EventType.values)  # in the order of the counts of a mark


class Mark(NamedTuple):
    """Events of a website with ids from `low` to `high`, both included, or of one session.

    counts: how many came, by type in the order of TYPES; fewer than 0 if they went.
    """

    website_id: UUID
    low: UUID
    high: UUID
    counts: tuple[int, ...] = (0, 0, 0)
    session_id: str | None = None


def statement_for(rows: Sequence[Any]) -> str:
    """Return the statement that marks new events, for their transaction.

    Ids and numbers are written out, for they need no quoting.
    """
    ms = uuid7.now_ms()
    values = [
        f"('{uuid7.new_id(ms).hex}', '{website_id.hex}', '{low.hex}', '{high.hex}', "
        f"{counts[0]}, {counts[1]}, {counts[2]})"
        for website_id, low, high, counts, _ in marks_of(rows)
    ]
    return f"INSERT INTO {_COLUMNS} VALUES {', '.join(values)}"


def marks_of(rows: Sequence[EventRow]) -> list[Mark]:
    """Return the marks of events, one for each website and run of events without a gap."""
    if len(rows) == 1:  # most commits have one
        [row] = rows
        return [Mark(row.website_id, row.id, row.id, _counts([row]))]
    by_website: dict[UUID, list[EventRow]] = {}
    for row in rows:
        by_website.setdefault(row.website_id, []).append(row)
    return [
        Mark(website_id, run[0].id, run[-1].id, _counts(run))
        for website_id, each in by_website.items()
        for run in _runs(each)
    ]


def _runs(rows: Iterable[EventRow]) -> Iterator[list[EventRow]]:
    """Yield events in the order of their ids, apart where there is a gap."""
    run: list[EventRow] = []
    for row in sorted(rows, key=lambda row: row.id.int):
        if run and uuid7.ms_of(row.id) - uuid7.ms_of(run[-1].id) > GAP_MS:
            yield run
            run = []
        run.append(row)
    yield run


def add(marks: Iterable[Mark], *, since: datetime | None = None) -> None:
    """Store marks; within the transaction of their events, or as of an earlier time."""
    ms = uuid7.to_ms(since) if since else uuid7.now_ms()
    rows = [
        (uuid7.new_id(ms), website_id, low, high, *counts, session_id)
        for website_id, low, high, counts, session_id in marks
    ]
    if rows:
        with connections[home(DirtyRange)].cursor() as cursor:
            cursor.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])


def mark_deleted(rows: EventQuerySet) -> None:
    """Mark events that are about to be deleted; within the transaction that deletes them.

    By the names of their sessions, which nothing has later.
    """
    found: dict[tuple[UUID, str], list[Any]] = {}
    for row in rows.values_list("website_id", "id", "event_type", "session_id", named=True):
        found.setdefault((row.website_id, row.session_id), []).append(row)
    add(
        Mark(website_id, *_bounds(each), tuple(-count for count in _counts(each)), session_id)
        for (website_id, session_id), each in found.items()
    )


def mark_too_old(low: UUID, high: UUID, table: str) -> None:
    """Take a partition's events with ids in [low, high) from the totals; retention deletes them.

    Sessions that began below `high` stay as they are from now on: statistics may be kept for longer
    than events.
    """
    with connections[home(DirtyRange)].cursor() as cursor:
        count = sql.SQL(_COUNT).format(sql.Identifier(table)).as_string()
        cursor.execute(count, [low, high])
        found = [(website_id, tuple(-count for count in counts)) for website_id, *counts in cursor]
    add(Mark(website_id, uuid7.LOWEST, uuid7.LOWEST, counts) for website_id, counts in found)
    EventFloor.raise_to(high)


def take(website_id: UUID, events: int) -> list[Mark]:
    """Take the first marks of a website, of about so many events; add their counts to the totals.

    Within a transaction that has locked the website.
    """
    with connections[home(DirtyRange)].cursor() as cursor:
        cursor.execute(_TAKE, [EVENTS_OF_SESSION, website_id, MAX_TAKEN, website_id, events])
        found = [_mark(website_id, *row) for row in cursor.fetchall()]
        totals = [sum(counts) for counts in zip(*(mark.counts for mark in found), strict=True)]
        if any(totals):
            cursor.execute(_ADD_TO_TOTALS, [website_id, list(TYPES), totals])
    return found


def waiting(website_id: UUID) -> list[Mark]:
    """Return the marks of a website."""
    rows = DirtyRange.objects.filter(website_id=website_id).values_list(*_VALUES)
    return [_mark(website_id, *row) for row in rows]


def recount(website_id: UUID) -> None:
    """Make the totals of a website anew from its events; within a transaction that has locked it.

    By one statement, which sees the marks of just the events that it counts.
    """
    with connections[home(DirtyRange)].cursor() as cursor:
        if cluster.is_cluster(home(DirtyRange)):  # whose nodes do not show the same moment
            cursor.execute("LOCK TABLE analytics_dirtyrange IN SHARE MODE")
        cursor.execute(_RECOUNT, [website_id, list(TYPES), website_id, website_id])


def total(website_id: UUID, event_type: str | None = None) -> int:
    """Return the number of a website's events, of one type or of all; by one statement."""
    types = [type for type in TYPES if event_type in (None, type)]
    with connections[home(DirtyRange)].cursor() as cursor:
        cursor.execute(_TOTAL, [website_id, types, *(type in types for type in TYPES), website_id])
        [[number]] = cursor.fetchall()
        return int(number)


def _mark(website_id: UUID, low: UUID, high: UUID, *rest: Any) -> Mark:
    *counts, session_id = rest
    return Mark(website_id, low, high, tuple(counts), session_id)


def _bounds(rows: Sequence[Any]) -> tuple[UUID, UUID]:
    ids = [row.id for row in rows]
    return min(ids), max(ids)


def _counts(rows: Sequence[Any]) -> tuple[int, ...]:
    types = [row.event_type for row in rows]
    return tuple(types.count(type) for type in TYPES)


_VALUES = ("low", "high", "page_views", "clicks", "custom_events", "session_id")
_COLUMNS = """
    analytics_dirtyrange (id, website_id, low, high, page_views, clicks, custom_events)
"""
_ADD = """
INSERT INTO analytics_dirtyrange
            (id, website_id, low, high, page_views, clicks, custom_events, session_id)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[],
                     %s::int[], %s::int[], %s::int[], %s::varchar[])
"""
_COUNT = """
SELECT website_id, count(*) FILTER (WHERE event_type = 'pageview'),
       count(*) FILTER (WHERE event_type = 'click'), count(*) FILTER (WHERE event_type = 'custom')
  FROM {} WHERE id >= %s AND id < %s
 GROUP BY website_id
"""
_TAKE = """
WITH first AS (
    SELECT id, CASE WHEN session_id IS NULL THEN abs(page_views) + abs(clicks) + abs(custom_events)
                    WHEN row_number() OVER (PARTITION BY session_id ORDER BY id) = 1 THEN %s
                    ELSE 0 END AS events
      FROM (SELECT * FROM analytics_dirtyrange WHERE website_id = %s ORDER BY id LIMIT %s) AS mark
), counted AS (
    SELECT id, sum(events) OVER (ORDER BY id) - events AS before FROM first
)
DELETE FROM analytics_dirtyrange
 WHERE website_id = %s AND id = ANY(ARRAY(SELECT id FROM counted WHERE before <= %s))
RETURNING low, high, page_views, clicks, custom_events, session_id
"""
_TOTAL = """
SELECT coalesce((
    SELECT sum(events) FROM analytics_eventtotal WHERE website_id = %s AND event_type = ANY(%s)
), 0) + coalesce((
    SELECT sum(page_views * %s::int + clicks * %s::int + custom_events * %s::int)
      FROM analytics_dirtyrange WHERE website_id = %s
), 0)
"""
_RECOUNT = """
INSERT INTO analytics_eventtotal (website_id, event_type, events)
SELECT %s, type.event_type, coalesce(counted.events, 0) - coalesce(
           CASE type.event_type WHEN 'pageview' THEN page_views WHEN 'click' THEN clicks
           ELSE custom_events END, 0)
  FROM unnest(%s::varchar[]) AS type (event_type)
  LEFT JOIN (
    SELECT event_type, count(*) AS events FROM analytics_event WHERE website_id = %s GROUP BY 1
  ) AS counted ON counted.event_type = type.event_type
 CROSS JOIN (
    SELECT sum(page_views) AS page_views, sum(clicks) AS clicks, sum(custom_events) AS custom_events
      FROM analytics_dirtyrange WHERE website_id = %s
  ) AS marked
ON CONFLICT (website_id, event_type) DO UPDATE SET events = excluded.events
"""
_ADD_TO_TOTALS = """
INSERT INTO analytics_eventtotal AS total (website_id, event_type, events)
SELECT %s, * FROM unnest(%s::varchar[], %s::bigint[])
ON CONFLICT (website_id, event_type) DO UPDATE SET events = total.events + excluded.events
"""
