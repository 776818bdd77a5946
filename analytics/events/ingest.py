"""Ingest of website events: from validated values to committed rows."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest

from analytics.events import client_contexts
from analytics.events.models import ClientContext, Event, EventRow
from analytics.ingest import writer
from analytics.ingest.bulk_copy import Table
from analytics.ingest.targets import register
from analytics.reports.derived import marks
from config.api.errors import ApiError, Conflict, Invalid, NotFound, RowRefused, StorageUnavailable
from config.api.outcomes import Outcome
from config.api.ratelimit import DailyQuota
from config.db import uuid7
from websites import lookup
from websites.lookup import Site

CONTEXTS = register(Table.of(ClientContext))
TABLE = register(
    Table.of(
        Event,
        beside=CONTEXTS,
        brings=marks.statement_for,
        owner="website_id",
        stored_owner=F("website_id"),
    )
)
ID_IN_USE = "Event id already in use"
QUOTA = DailyQuota("QUOTA_WEBSITE_EVENTS")

Item = dict[str, Any]  # what the serializer made of one event


class StoreResult(NamedTuple):
    """What became of one event of a request.

    event: what is stored under its id, now or since an earlier request.
    error: why nothing is; neither is there of an event that its website does not want.
    is_repeated: an earlier event of the same request has its id.
    """

    outcome: Outcome
    event: Event | EventRow | None = None
    error: ApiError | None = None
    is_repeated: bool = False

    @property
    def stored(self) -> Event | EventRow:
        assert self.event is not None
        return self.event


def row_of(item: Item, site: Site) -> EventRow:
    """Return the row of one event."""
    [row] = rows_of([(item, site)])
    return row


def count_event(site: Site, request: HttpRequest) -> None:
    """Count an event of a website, whatever becomes of it; raise RateLimited over its quota."""
    if QUOTA.is_on:
        QUOTA.consume(request, site.id, 1)


def count_batch(items: Sequence[Item | Invalid], request: HttpRequest) -> None:
    """Count the valid events of a batch; raise RateLimited over the quota of one website."""
    if not QUOTA.is_on:
        return
    codes = [item["trackingCode"] for item in items if not isinstance(item, Invalid)]
    sites = lookup.active_sites(codes)
    counts = Counter(sites[code].id for code in codes if code in sites)
    for website_id, events in counts.items():
        QUOTA.consume(request, website_id, events)


def store(item: Item, site: Site, request: HttpRequest) -> StoreResult:
    """Store one event; raises Conflict, RowRefused or StorageUnavailable."""
    [result] = _store(rows_of([(item, site)]), request)
    if result.error:
        raise result.error
    return result


def store_batch(items: Sequence[Item | Invalid], request: HttpRequest) -> list[StoreResult]:
    """Store the valid events of a batch that their websites want, in one transaction."""
    valid = [item for item in items if not isinstance(item, Invalid)]
    sites = lookup.active_sites(item["trackingCode"] for item in valid)
    closed = {site.id for site in sites.values() if site.excludes_client(request)}
    found = [_assigned(item, sites, closed) for item in items]
    wanted = [each for each in found if not isinstance(each, StoreResult)]
    stored = iter(_store(rows_of(wanted), request))
    return [each if isinstance(each, StoreResult) else next(stored) for each in found]


def rows_of(events: Sequence[tuple[Item, Site]]) -> list[EventRow]:
    """Return the rows of events; those of one time get ascending ids."""
    now = uuid7.now_ms()
    times = [_time_of(item, now) for item, _ in events]
    return [
        EventRow(  # by position, in the order of the columns: names would take as long again
            item["id"] or new_id,
            uuid7.from_ms(ms),
            site.id,
            item["eventType"],
            item["url"],
            item["referrer"],
            item["sessionId"],
            item["visitorId"],
            item["deviceType"],
            item["browser"],
            item["os"],
            item["location"],
            item["properties"],
        )
        for (item, site), ms, new_id in zip(events, times, uuid7.new_ids(times), strict=True)
    ]


def _time_of(item: Item, now: int) -> int:
    if item["timestamp"] is not None:
        return int(item["timestamp"])
    return uuid7.ms_of(item["id"]) if item["id"] else now


def _store(rows: Sequence[EventRow], request: HttpRequest) -> list[StoreResult]:
    """Store rows that came in a request; of several with one id only the first is written."""
    first: dict[UUID, EventRow] = {}
    for row in rows:
        first.setdefault(row.id, row)
    if not first:
        return []
    written = _write(list(first.values()), request)
    if written.count(Outcome.STORED) == len(rows):
        return [StoreResult(Outcome.STORED, row) for row in rows]
    outcomes = dict(zip(first, written, strict=True))
    duplicates = [id for id, outcome in outcomes.items() if outcome is Outcome.DUPLICATE]
    stored: dict[UUID, Event | EventRow] = {**first}
    if duplicates:  # the event that has the id may be another one, even another website's
        stored |= Event.objects.in_bulk(duplicates)
    return [
        _result(row, outcomes[row.id], stored[row.id], is_first=row is first[row.id])
        for row in rows
    ]


def _write(rows: list[EventRow], request: HttpRequest) -> list[Outcome]:
    """Write rows, and contexts of new sessions beside them; return the outcomes of the rows."""
    first_events = client_contexts.first_events(request, rows)
    if not first_events:
        return writer.write(TABLE, rows)
    contexts = client_contexts.contexts_of(request, first_events)
    client_contexts.remember(first_events)  # others may come before the commit
    try:
        return writer.write(TABLE, [*rows, *contexts])[: len(rows)]
    except StorageUnavailable:
        client_contexts.forget(first_events)
        raise


def _result(
    row: EventRow, outcome: Outcome, stored: Event | EventRow, *, is_first: bool
) -> StoreResult:
    if outcome is Outcome.WRITE_FAILED:
        return StoreResult(outcome, error=RowRefused())
    if stored.website_id != row.website_id:
        return StoreResult(Outcome.REJECTED, error=Conflict(ID_IN_USE))
    if not is_first:
        return StoreResult(Outcome.DUPLICATE, stored, is_repeated=True)
    return StoreResult(outcome, stored)


def _assigned(
    item: Item | Invalid, sites: Mapping[str, Site], closed: Set[UUID]
) -> tuple[Item, Site] | StoreResult:
    """Return an event with its website, or why it is not stored.

    closed: the websites that want nothing of this client.
    """
    if isinstance(item, Invalid):
        return StoreResult(Outcome.REJECTED, error=item)
    code = item["trackingCode"]
    site = sites.get(code)
    if site is None:
        error = NotFound(f'Website with tracking code "{code:.64}" not found')
        return StoreResult(Outcome.REJECTED, error=error)
    if site.filter and (site.id in closed or site.excludes_url(item["url"])):
        return StoreResult(Outcome.WEBSITE_SETTINGS)
    return item, site
