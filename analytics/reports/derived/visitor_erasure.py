"""Erasure of a visitor from what is derived of events

Marks alone would not do: sessions whose first events retention has deleted are not made anew.
"""

from collections.abc import Iterator

from analytics.events.models import Event
from analytics.reports.derived import marks, rollup, sealing
from analytics.reports.derived.marks import Mark
from analytics.reports.derived.rollup_models import HeavySession
from analytics.reports.facts.session_rows import Span
from analytics.reports.models import WebsiteSession, WebsiteVisitor
from config.db import deadline

BATCH_ROWS = 2_000
WAIT_SECONDS = 60  # for a rollup of the website


class WebsiteBusy(Exception):
    """A rollup has a website for too long; it will be free later."""


def erase(visitor: WebsiteVisitor) -> Iterator[tuple[int, int]]:
    """Erase a visitor and the sessions; yield how many sessions and visitors each transaction has.

    After the events. The number goes in the transaction in which no session has it any more: the
    next visitor may get it. Sessions with a part of others are made anew of what is left.
    """
    is_last = False
    while not is_last:
        with deadline.long_transaction(rollup.ALIAS):
            if not rollup.lock(visitor.website_id, WAIT_SECONDS):
                raise WebsiteBusy
            deleted = _delete_sessions(visitor)
            is_last = deleted < BATCH_ROWS
            numbers = _delete_number(visitor) if is_last else 0
        yield deleted, numbers


def _delete_sessions(visitor: WebsiteVisitor) -> int:
    website_id, sessions = visitor.website_id, WebsiteSession.with_hits_of(visitor)
    columns = ("id", "session_id", "created_at", "ended_at")
    rows = list(sessions.order_by().values_list(*columns, named=True)[:BATCH_ROWS])
    if not rows:
        return 0
    names = [row.session_id for row in rows]
    WebsiteSession.objects.filter(pk__in=[row.id for row in rows]).delete()
    HeavySession.objects.filter(website_id=website_id, session_id__in=names).delete()
    sealing.unseal(website_id, [Span(row.created_at, row.ended_at) for row in rows])
    marks.add(Mark(website_id, *rollup.NOWHERE, session_id=name) for name in names)
    return len(rows)


def _delete_number(visitor: WebsiteVisitor) -> int:
    """Delete the number of a visitor who has not come again meanwhile."""
    if Event.objects.of_visitor(visitor.visitor_id, visitor.website_id).exists():
        return 0
    rows = WebsiteVisitor.objects.filter(
        website_id=visitor.website_id, visitor_id=visitor.visitor_id
    )
    return rows.delete()[0]
