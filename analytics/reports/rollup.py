"""The rollup: brings website sessions up to date with the events that came or went.

It has no watermark: events become visible in the order of their commits, not of their ids. Marks
say what changed; the sessions of marked events are made anew from all their events, so that it
does not matter how often, in which order and by how many processes that is done.
"""

import hashlib
import time
from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections, transaction

from analytics.events.models import ClientContextRow, EventRow
from analytics.reports import marks, sealing, session_rows
from analytics.reports.marks import Mark
from analytics.reports.models import DirtyRange, WebsiteSession
from analytics.reports.pages import PageRules
from analytics.reports.session_facts import SessionFacts, SiteRules, facts_of
from analytics.reports.session_rows import LONG
from analytics.reports.sources import host_name
from config.db import uuid7
from config.db.routers import home
from websites.models import Website

ALIAS = home(WebsiteSession)
MAX_EVENTS = 20_000  # of the marks that one transaction takes
LOCK_PAUSE_SECONDS = 0.02
Row = TypeVar("Row", EventRow, ClientContextRow)


def refresh(website: Website, seconds: float) -> bool:
    """Bring the sessions of a website up to date; return whether that was done within the time."""
    ends_at = time.monotonic() + seconds
    while is_marked(website.pk):
        left = ends_at - time.monotonic()
        if left <= 0 or not roll_up(website, wait_seconds=left):
            return False
    return True


def roll_up(website: Website, *, wait_seconds: float) -> bool:
    """Bring the sessions of some marked events up to date.

    Returns False if another process had the website for too long.
    """
    rules = rules_of(website)
    with transaction.atomic(using=ALIAS, durable=True):
        if not lock(website.pk, wait_seconds):
            return False
        session_ids = _changed_sessions(website.pk, marks.take(website.pk, MAX_EVENTS))
        facts = facts_of_sessions(website.pk, session_ids, rules)
        sealing.unseal(website.pk, session_rows.replace(website.pk, facts))
    return True


def is_marked(website_id: UUID) -> bool:
    return DirtyRange.objects.filter(website_id=website_id).exists()


def rules_of(website: Website) -> SiteRules:
    """Return what the facts of a website's sessions depend on besides their events."""
    hosts = [website.host, *(host.removeprefix("*.") for host in website.allowed_hosts)]
    names = {host_name(f"http://{host}/") for host in hosts}
    return SiteRules(PageRules.of(website.page_rules), frozenset(filter(None, names)))


def lock(website_id: UUID, seconds: float) -> bool:
    """Let no other transaction change what is derived of a website until this one ends.

    Returns False if another one has it for so many seconds.
    """
    ends_at = time.monotonic() + seconds
    with connections[ALIAS].cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_lock_key(website_id)])
            [[is_locked]] = cursor.fetchall()
            if is_locked or time.monotonic() >= ends_at:
                return bool(is_locked)
            time.sleep(LOCK_PAUSE_SECONDS)


def facts_of_sessions(
    website_id: UUID, session_ids: Sequence[str], rules: SiteRules
) -> dict[str, SessionFacts | None]:
    """Return the facts of sessions from all their events, None for those without hits."""
    events = _of_sessions(EventRow, "analytics_event", website_id, session_ids)
    contexts = _of_sessions(ClientContextRow, "analytics_clientcontext", website_id, session_ids)
    return {id: facts_of(events.get(id, []), contexts.get(id, []), rules) for id in session_ids}


def _changed_sessions(website_id: UUID, taken: Iterable[Mark]) -> list[str]:
    """Return the ids of the sessions that marks tell of; put back what is too much for once."""
    new: list[Mark] = []
    others: list[Mark] = []
    for mark in taken:
        (new if mark.is_of_new_events else others).append(mark)
    found = _sessions_of_new_events(website_id, new)
    for mark in others:
        found |= _sessions_around(website_id, mark)
    return sorted(found)


def _sessions_of_new_events(website_id: UUID, taken: Sequence[Mark]) -> set[str]:
    if not taken:
        return set()
    with connections[ALIAS].cursor() as cursor:
        lows, highs = [mark.low for mark in taken], [mark.high for mark in taken]
        cursor.execute(_OF_NEW_EVENTS, [lows, highs, website_id])
        return {id for (id,) in cursor.fetchall()}


def _sessions_around(website_id: UUID, mark: Mark) -> set[str]:
    """Return the sessions that have, or had, an event in the range of a mark.

    Of a wide one, a part is put back.
    """
    values: dict[str, Any] = {
        "website": website_id,
        "low": mark.low,
        "high": mark.high,
        "start": uuid7.time_of(mark.low),
        "day_before": uuid7.floor(max(uuid7.time_of(mark.low) - LONG, uuid7.time_of(uuid7.LOWEST))),
        "limit": MAX_EVENTS,
    }
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_BEGUN_BEFORE, values)
        before = {id for (id,) in cursor.fetchall()}
        cursor.execute(_WITHIN, values)
        within = cursor.fetchall()
    if len(within) == MAX_EVENTS:
        marks.add([Mark(website_id, uuid7.next_after(within[-1][0]), mark.high)])
    return before | {session_id for _, session_id in within}


def _of_sessions(
    row_type: type[Row], table: str, website_id: UUID, session_ids: Sequence[str]
) -> dict[str, list[Row]]:
    """Return all rows of some sessions, by the session."""
    names = (f"{table}.{name}" for name in row_type._fields)
    columns = ", ".join(f"{name}::text" if name.endswith(".properties") else name for name in names)
    found: dict[str, list[Row]] = {}
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            _OF_SESSIONS.format(table=table, columns=columns), [list(session_ids), website_id]
        )
        for row in starmap(row_type, cursor):
            found.setdefault(row.session_id, []).append(row)
    return found


def _lock_key(website_id: UUID) -> int:
    digest = hashlib.blake2b(website_id.bytes, digest_size=8, person=b"rollup").digest()
    return int.from_bytes(digest, signed=True)


_OF_NEW_EVENTS = """
SELECT DISTINCT session_id
  FROM unnest(%s::uuid[], %s::uuid[]) AS marked (low, high), analytics_event
 WHERE website_id = %s AND id >= low AND id <= high
"""
_WITHIN = """
SELECT * FROM (
    (SELECT id, session_id FROM analytics_event
      WHERE website_id = %(website)s AND id >= %(low)s AND id <= %(high)s
      ORDER BY id LIMIT %(limit)s)
    UNION ALL
    (SELECT id, session_id FROM analytics_websitesession
      WHERE website_id = %(website)s AND id >= %(low)s AND id <= %(high)s
      ORDER BY id LIMIT %(limit)s)
) AS row ORDER BY id LIMIT %(limit)s
"""
_BEGUN_BEFORE = """
SELECT session_id FROM analytics_websitesession
 WHERE website_id = %(website)s AND id < %(low)s AND ended_at >= %(start)s
   AND (id >= %(day_before)s OR is_long)
"""
_OF_SESSIONS = """
SELECT {columns} FROM unnest(%s::varchar[]) AS changed (id)
  JOIN {table} ON hashtext({table}.session_id) = hashtext(changed.id)
   AND {table}.session_id = changed.id
 WHERE {table}.website_id = %s
"""
