"""Gaps between the sealed days of a range, which are to be read from sessions."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connections

from analytics.reports.facts.session_rows import LONG
from analytics.reports.models import WebsiteSession
from analytics.reports.questions.question import Range
from config.db import uuid7
from config.db.routers import home

FEW = 2  # gaps that are read at once, without a look whether they are empty


def gaps_of(range: Range, sealed: Iterable[Range]) -> Iterator[Range]:
    """Yield what lies between the sealed parts of a range."""
    start = range.start
    for part in sorted(sealed):
        if start < part.start:
            yield Range(start, part.start)
        start = part.end
    if start < range.end:
        yield Range(start, range.end)


def without_empty(website_id: UUID, gaps: Sequence[Range]) -> Sequence[Range]:
    """Return the gaps with sessions, unless they are few: days without any are not sealed.

    A website that few people visit may have hundreds of these, each of which would be read for
    itself. A session that began before a gap may reach into it.
    """
    if len(gaps) <= FEW:
        return gaps
    earliest = uuid7.from_ms(0)
    values: dict[str, Any] = {
        "website": website_id,
        "starts": [gap.start for gap in gaps],
        "days_before": [uuid7.floor(max(gap.start, earliest + LONG) - LONG) for gap in gaps],
        "firsts": [uuid7.floor(gap.start) for gap in gaps],
        "ends": [uuid7.floor(gap.end) for gap in gaps],
    }
    with connections[home(WebsiteSession)].cursor() as cursor:
        cursor.execute(_WITH_SESSIONS, values)
        return [gaps[number - 1] for (number,) in cursor.fetchall()]


# The first of these alone is what most gaps with sessions need.
_WITH_SESSIONS = """
SELECT gap.number
  FROM unnest(
           %(starts)s::timestamptz[], %(days_before)s::uuid[], %(firsts)s::uuid[], %(ends)s::uuid[]
       ) WITH ORDINALITY AS gap(start, day_before, first, stop, number)
 WHERE EXISTS (
           SELECT FROM analytics_websitesession
            WHERE website_id = %(website)s AND id >= gap.first AND id < gap.stop
       )
    OR EXISTS (
           SELECT FROM analytics_websitesession
            WHERE website_id = %(website)s AND id >= gap.day_before AND id < gap.first
              AND ended_at >= gap.start
       )
    OR EXISTS (
           SELECT FROM analytics_websitesession
            WHERE website_id = %(website)s AND id < gap.first AND is_irregular
              AND ended_at >= gap.start
       )
 ORDER BY gap.number
"""
