"""Rows of website sessions: made of their facts, and replaced as a whole."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections

from analytics.ingest.bulk_copy import Table, copy_rows
from analytics.reports.facts.session_facts import UTM, VIEW, Hit, SessionFacts
from analytics.reports.models import WebsiteSession, WebsiteSessionRow
from config.db import uuid7
from config.db.routers import home

LONG = timedelta(hours=24)
MAX_INTEGER = 2**31 - 1  # what a column holds
TABLE = Table.of(WebsiteSession)
SAME_COLUMNS = (  # as the facts have them
    *("page_views", "custom_events", "is_truncated", "hostname", "entry_page", "exit_page"),
    *("source", "channel", "referrer"),
)


class Span(NamedTuple):
    """The time of a session, from its first hit to its last event."""

    start: datetime
    end: datetime


class Displaced(NamedTuple):
    """A row that had to go for one with its id, and which is to be made anew."""

    id: UUID
    website_id: UUID
    span: Span


class Replaced(NamedTuple):
    """The times of old and new rows, and rows of others that are gone."""

    spans: list[Span]
    displaced: list[Displaced]


def replace(website_id: UUID, facts: Mapping[str, SessionFacts | None]) -> Replaced:
    """Replace the rows of sessions, by their ids; those without facts are gone.

    Within a transaction that has locked the website.
    """
    known = {id: each for id, each in facts.items() if each}
    numbers = _numbers(website_id, known.values())
    rows = [row_of(website_id, id, each, numbers) for id, each in known.items()]
    rows.sort(key=lambda row: row.id.int)
    old = _old_rows(website_id, list(facts))
    displaced = _delete([*old, *(row.id for row in rows)], old)
    if rows:
        copy_rows(TABLE, rows)
    spans = [*old.values(), *(Span(row.created_at, row.ended_at) for row in rows)]
    return Replaced(spans, displaced)


def row_of(
    website_id: UUID, session_id: str, facts: SessionFacts, numbers: Mapping[str, int]
) -> WebsiteSessionRow:
    """Return the row of a session; numbers: those of its visitors."""
    hits = facts.hits
    visitors = [numbers[hit.visitor_id] for hit in hits]
    scrolls = _scrolls(hits)
    depths = [scroll for scroll in scrolls if scroll is not None]
    is_long = facts.ended_at - facts.started_at > LONG
    utm: dict[str, Any] = dict(zip(UTM, facts.utm, strict=True))
    return WebsiteSessionRow(
        id=hits[0].id,
        created_at=facts.started_at,
        website_id=website_id,
        ended_at=facts.ended_at,
        visitor=visitors[0],
        engaged_seconds=min(facts.engaged_seconds, MAX_INTEGER),
        timed_views=sum(hit.seconds is not None for hit in hits),
        scrolled_pages=len(depths),
        scroll_percents=sum(depths),
        is_irregular=is_long or len(set(visitors)) > 1,
        session_id=session_id,
        **{name: getattr(facts, name) for name in SAME_COLUMNS},
        **utm,
        **facts.client._asdict(),
        **_hit_columns(hits, visitors, scrolls, facts.hostname),
    )


def _hit_columns(
    hits: Sequence[Hit],
    visitors: list[int],
    scrolls: list[int | None],
    hostname: str | None,
) -> dict[str, Any]:
    """Return the aligned columns of hits, null where they say no more than others do."""
    start = uuid7.ms_of(hits[0].id)
    hosts = [hit.host for hit in hits]
    return {
        "hit_types": _types(hits),
        "hit_times": [uuid7.ms_of(hit.id) - start for hit in hits],
        "hit_pages": [hit.page for hit in hits],
        "hit_names": _unless_null([hit.name for hit in hits]),
        "hit_hosts": None if all(host == hostname for host in hosts) else hosts,
        "hit_seconds": _unless_null([hit.seconds for hit in hits]),
        "hit_scrolls": _unless_null(scrolls),
        "hit_visitors": None if len(set(visitors)) == 1 else visitors,
    }


def _types(hits: Iterable[Hit]) -> str:
    """Return the letters of hits, upper case for the first with its page or name."""
    seen = set()
    letters = []
    for hit in hits:
        key = hit.type, hit.page if hit.type == VIEW else hit.name
        letters.append(hit.type if key in seen else hit.type.upper())
        seen.add(key)
    return "".join(letters)


def _scrolls(hits: Sequence[Hit]) -> list[int | None]:
    """Return how deep each page was scrolled in all its views, at the first of them."""
    deepest: dict[str, int] = {}
    for hit in hits:
        if hit.scroll is not None:
            deepest[hit.page] = max(deepest.get(hit.page, 0), hit.scroll)
    return [deepest.pop(hit.page, None) if hit.type == VIEW else None for hit in hits]


def _unless_null(values: list[Any]) -> list[Any] | None:
    return None if all(value is None for value in values) else values


def _numbers(website_id: UUID, facts: Iterable[SessionFacts]) -> dict[str, int]:
    """Return the numbers of the visitors of sessions; new ones get the next, by first sight."""
    first_sights: dict[str, int] = {}
    for each in facts:
        for hit in each.hits:
            seen = first_sights.get(hit.visitor_id)
            if seen is None or hit.id.int < seen:
                first_sights[hit.visitor_id] = hit.id.int
    ordered = sorted(first_sights, key=first_sights.__getitem__)
    known = known_numbers(website_id, ordered)
    with connections[home(WebsiteSession)].cursor() as cursor:
        new = [visitor for visitor in ordered if visitor not in known]
        if new:
            cursor.execute(_NEW_VISITORS, [website_id, website_id, new])
            known |= dict(cursor.fetchall())
    return known


def known_numbers(website_id: UUID, visitor_ids: Iterable[str]) -> dict[str, int]:
    """Return the numbers of those visitors who have one."""
    with connections[home(WebsiteSession)].cursor() as cursor:
        cursor.execute(_KNOWN_VISITORS, [website_id, list(visitor_ids)])
        return dict(cursor.fetchall())


def stored(website_id: UUID, session_ids: list[str]) -> dict[str, list[WebsiteSessionRow]]:
    """Return the stored rows of sessions, of which each should have one at most."""
    found: dict[str, list[WebsiteSessionRow]] = {}
    with connections[home(WebsiteSession)].cursor() as cursor:
        cursor.execute(_STORED, [session_ids, website_id])
        for row in starmap(WebsiteSessionRow, cursor.fetchall()):
            found.setdefault(row.session_id, []).append(row)
    return found


def _old_rows(website_id: UUID, session_ids: list[str]) -> dict[UUID, Span]:
    """Return the ids and times of the rows of sessions."""
    with connections[home(WebsiteSession)].cursor() as cursor:
        cursor.execute(_OLD_ROWS, [session_ids, website_id])
        return {id: Span(start, end) for id, start, end in cursor.fetchall()}


def _delete(ids: Iterable[UUID], own: Container[UUID]) -> list[Displaced]:
    """Delete rows; return those of other sessions, which had the id of a new row.

    An event was deleted, and came again with its id but of another session or website.
    """
    with connections[home(WebsiteSession)].cursor() as cursor:
        cursor.execute(_DELETE, [list(ids)])
        deleted = cursor.fetchall()
    return [
        Displaced(id, website_id, Span(*times))
        for id, website_id, *times in deleted
        if id not in own
    ]


_KNOWN_VISITORS = """
SELECT visitor_id, number FROM analytics_websitevisitor
 WHERE website_id = %s AND visitor_id = ANY(%s)
"""
_NEW_VISITORS = """
INSERT INTO analytics_websitevisitor (website_id, visitor_id, number)
SELECT %s, visitor_id, position + coalesce((
    SELECT max(number) FROM analytics_websitevisitor WHERE website_id = %s
), 0)
  FROM unnest(%s::varchar[]) WITH ORDINALITY AS new (visitor_id, position)
RETURNING visitor_id, number
"""
_STORED = f"""
SELECT {", ".join(WebsiteSessionRow._fields)}
  FROM unnest(%s::varchar[]) AS wanted (key)
  JOIN analytics_websitesession
    ON hashtext(session_id) = hashtext(wanted.key) AND session_id = wanted.key
 WHERE website_id = %s
"""
# A loop over the sessions, as where their events are read, and then no join in the deletion.
_OLD_ROWS = """
SELECT row.* FROM unnest(%s::varchar[]) AS changed (key)
 CROSS JOIN LATERAL (
    SELECT id, created_at, ended_at FROM analytics_websitesession
     WHERE website_id = %s AND hashtext(session_id) = hashtext(changed.key)
       AND session_id = changed.key OFFSET 0
 ) AS row
"""
_DELETE = """
DELETE FROM analytics_websitesession WHERE id = ANY(%s::uuid[])
RETURNING id, website_id, created_at, ended_at
"""
