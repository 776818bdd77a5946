"""The sessions that marks stand for: by their names, or by the ids of their events"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections

from analytics.events.models import Event
from analytics.reports.derived.marks import Mark
from analytics.reports.models import WebsiteSession
from config.db import cluster, uuid7
from config.db.routers import home

ALIAS = home(WebsiteSession)
GAP_MS = 1_000  # what lies between is read too, which is less than another range costs


class IdRange(NamedTuple):
    """The ids from `low` to `high`, both included."""

    low: UUID
    high: UUID


@dataclass(frozen=True, slots=True)
class ChangedSessions:
    """Sessions to be made anew; `unread` are the ranges in which others were not looked for."""

    ids: list[str]
    unread: list[IdRange] = field(default_factory=list)


def changed_sessions(
    website_id: UUID, marks: Sequence[Mark], most: int, *, floor: UUID = uuid7.LOWEST
) -> ChangedSessions:
    """Return the sessions that marks name, and those of the events that they stand for.

    Ranges of more than one id are read up to so many rows, and begin at the floor. They may have
    rows of sessions without any event: a rebuild finds these.
    """
    named = [mark.session_id for mark in marks if mark.session_id is not None]
    unnamed = [
        IdRange(max(mark.low, floor), mark.high)
        for mark in marks
        if mark.session_id is None and mark.high >= floor
    ]
    ranges = merged(each for each in unnamed if each.low < each.high)
    ids = [low for low, high in unnamed if low == high and not _is_in(low, ranges)]
    rows = _rows_in(website_id, ranges, most)
    found = [*named, *_sessions_of(website_id, ids), *(session_id for _, session_id in rows)]
    unread = _from(uuid7.next_after(rows[-1][0]), ranges) if len(rows) == most else []
    return ChangedSessions([*dict.fromkeys(found)], unread)


def begun_below(website_id: UUID, session_ids: Iterable[str], floor: UUID) -> set[str]:
    """Return which of some sessions began below the floor."""
    if floor == uuid7.LOWEST:
        return set()
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_BEGUN_BELOW, [list(session_ids), website_id, floor])
        return {id for (id,) in cursor.fetchall()}


def merged(ranges: Iterable[IdRange]) -> list[IdRange]:
    """Return ranges that cover others, disjoint and ascending, with few gaps."""
    result: list[IdRange] = []
    for low, high in sorted(ranges, key=lambda each: each.low.int):
        if result and uuid7.ms_of(low) - uuid7.ms_of(result[-1].high) <= GAP_MS:
            result[-1] = IdRange(result[-1].low, max(result[-1].high, high))
        else:
            result.append(IdRange(low, high))
    return result


def _is_in(id: UUID, ranges: Sequence[IdRange]) -> bool:
    position = bisect_right(ranges, id, key=attrgetter("low"))
    return position > 0 and id <= ranges[position - 1].high


def _from(id: UUID, ranges: Iterable[IdRange]) -> list[IdRange]:
    """Return what is left of ranges from an id on."""
    return [IdRange(max(low, id), high) for low, high in ranges if high >= id]


def _sessions_of(website_id: UUID, ids: Collection[UUID]) -> list[str]:
    """Return the sessions of events."""
    if not ids:
        return []
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_SESSIONS_OF, [website_id, list(ids)])
        return [id for (id,) in cursor.fetchall()]


def _rows_in(website_id: UUID, ranges: Sequence[IdRange], most: int) -> list[tuple[UUID, str]]:
    """Return the first events and sessions of ranges, by their ids."""
    if not ranges:
        return []
    values: dict[str, Any] = {
        "website": website_id,
        "most": most,
        "lows": [each.low for each in ranges],
        "highs": [each.high for each in ranges],
        "lowest": ranges[0].low,
        "highest": ranges[-1].high,
    }
    if cluster.is_cluster(ALIAS):
        return _rows_on_shards(website_id, ranges, most)
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_ROWS_IN, values)
        return list(cursor.fetchall())


def _rows_on_shards(
    website_id: UUID, ranges: Sequence[IdRange], most: int
) -> list[tuple[UUID, str]]:
    """Return the same, range by range: no node has all events of one."""
    found: list[tuple[UUID, str]] = []
    for low, high in ranges:
        rows = [
            row
            for model in (Event, WebsiteSession)
            for row in model._default_manager.filter(website_id=website_id, id__range=(low, high))
            .order_by("id")
            .values_list("id", "session_id")[: most - len(found)]
        ]
        found += sorted(rows, key=lambda row: row[0].int)[: most - len(found)]
        if len(found) == most:
            break
    return found


_SESSIONS_OF = """
SELECT DISTINCT session_id FROM analytics_event WHERE website_id = %s AND id = ANY(%s)
"""
# A loop over the ranges, in their order, which ends with the last row that is wanted. The bounds of
# all ranges keep partitions out of the plan.
_ROWS_IN = """
SELECT row.id, row.session_id
  FROM unnest(%(lows)s::uuid[], %(highs)s::uuid[]) AS range (low, high)
 CROSS JOIN LATERAL (
    (SELECT id, session_id FROM analytics_event
      WHERE website_id = %(website)s AND id >= range.low AND id <= range.high
        AND id >= %(lowest)s AND id <= %(highest)s
      ORDER BY id LIMIT %(most)s)
    UNION ALL
    (SELECT id, session_id FROM analytics_websitesession
      WHERE website_id = %(website)s AND id >= range.low AND id <= range.high
        AND id >= %(lowest)s AND id <= %(highest)s
      ORDER BY id LIMIT %(most)s)
    ORDER BY id LIMIT %(most)s
 ) AS row
 LIMIT %(most)s
"""
_BEGUN_BELOW = """
SELECT session_id FROM unnest(%s::varchar[]) AS found (key)
  JOIN analytics_websitesession
    ON hashtext(session_id) = hashtext(found.key) AND session_id = found.key
 WHERE website_id = %s AND analytics_websitesession.id < %s
"""
