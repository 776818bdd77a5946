"""The sessions that marks tell of, in the order of their first marked event"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections

from analytics.reports.marks import Mark
from analytics.reports.models import WebsiteSession
from analytics.reports.session_rows import LONG
from config.db import uuid7
from config.db.routers import home

ALIAS = home(WebsiteSession)
RANGES = 50  # that one statement reads: each may give as many rows as all together
GAP_MS = 1_000  # what lies between is read too, which is less than another range costs


class IdRange(NamedTuple):
    """The ids from `low` to `high`, both included."""

    low: UUID
    high: UUID


@dataclass(frozen=True, slots=True)
class ChangedSessions:
    """Sessions to be made anew, each with the lowest id of its events in the ranges.

    ranges: disjoint and ascending. end: where those that were not looked for begin, if any.
    """

    ids: dict[str, UUID]
    ranges: list[IdRange]
    end: UUID | None = None

    def left_from(self, id: UUID) -> list[IdRange]:
        """Return what is left of the ranges from an id on."""
        return [IdRange(max(low, id), high) for low, high in self.ranges if high >= id]

    @property
    def unread(self) -> list[IdRange]:
        return self.left_from(self.end) if self.end else []


def changed_sessions(
    website_id: UUID, marks: Sequence[Mark], most: int, *, floor: UUID = uuid7.LOWEST
) -> ChangedSessions:
    """Return the sessions of the first so many events, or rows of sessions, in the marked ranges.

    A session whose events have all gone is found by its row. Ranges begin at the floor.
    """
    gone = merged(IdRange(mark.low, mark.high) for mark in marks if min(mark.counts) < 0)
    ranges = merged(
        [*(IdRange(mark.low, mark.high) for mark in marks), *_begun_before(website_id, gone)]
    )
    ranges = [IdRange(max(low, floor), high) for low, high in ranges if high >= floor]
    found: dict[str, UUID] = {}
    count = 0
    for batch in _batches(ranges):
        rows = _rows_in(website_id, batch, most - count)
        for id, session_id in rows:
            found.setdefault(session_id, id)
        count += len(rows)
        if count >= most:
            return ChangedSessions(found, ranges, uuid7.next_after(rows[-1][0]))
    return ChangedSessions(found, ranges)


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


def _begun_before(website_id: UUID, ranges: Iterable[IdRange]) -> Iterator[IdRange]:
    """Yield the id of each session that began before a range and reaches into it."""
    with connections[ALIAS].cursor() as cursor:
        for low, _ in ranges:
            day_before = UUID(int=max(0, low.int - (LONG_MS << 80)))
            cursor.execute(_BEGUN_BEFORE, [website_id, low, uuid7.time_of(low), day_before])
            yield from (IdRange(id, id) for (id,) in cursor.fetchall())


def _rows_in(website_id: UUID, ranges: Sequence[IdRange], most: int) -> list[tuple[UUID, str]]:
    """Return the first events and sessions of ranges, by their ids."""
    values: dict[str, Any] = {
        "website": website_id,
        "most": most,
        "lows": [each.low for each in ranges],
        "highs": [each.high for each in ranges],
    }
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_ROWS_IN, values)
        return list(cursor.fetchall())


def _batches(ranges: Iterable[IdRange]) -> Iterator[list[IdRange]]:
    rest = iter(ranges)
    while batch := list(islice(rest, RANGES)):
        yield batch


LONG_MS = round(LONG.total_seconds() * 1000)
_ROWS_IN = """
SELECT row.id, row.session_id
  FROM unnest(%(lows)s::uuid[], %(highs)s::uuid[]) AS range (low, high)
 CROSS JOIN LATERAL (
    (SELECT id, session_id FROM analytics_event
      WHERE website_id = %(website)s AND id >= range.low AND id <= range.high
      ORDER BY id LIMIT %(most)s)
    UNION ALL
    (SELECT id, session_id FROM analytics_websitesession
      WHERE website_id = %(website)s AND id >= range.low AND id <= range.high
      ORDER BY id LIMIT %(most)s)
 ) AS row
 ORDER BY row.id LIMIT %(most)s
"""
_BEGUN_BELOW = """
SELECT session_id FROM unnest(%s::varchar[]) AS found (key)
  JOIN analytics_websitesession
    ON hashtext(session_id) = hashtext(found.key) AND session_id = found.key
 WHERE website_id = %s AND analytics_websitesession.id < %s
"""
_BEGUN_BEFORE = """
SELECT id FROM analytics_websitesession
 WHERE website_id = %s AND id < %s AND ended_at >= %s AND (id >= %s OR is_irregular)
"""
