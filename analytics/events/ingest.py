"""Website events on their way in: from validated values to stored rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from uuid import UUID

from analytics.events.models import (
    Event,
    EventRow,
)
from analytics.ingest import writer
from analytics.ingest.bulk_copy import Table
from config.api.outcomes import Outcome
from config.db import uuid7
from websites import lookup
from websites.lookup import Site

TABLE = Table.of(Event)

Item = dict[str, Any]  # what the serializer made of one event


class EventResult(Enum):
    """What became of one event of a request."""

    NEW = auto()
    DUPLICATE = auto()  # its website had an event with its id before
    DUPLICATE_IN_BATCH = auto()  # an earlier event of the request has its id
    CONFLICT = auto()  # its id belongs to an event of another website
    REFUSED = auto()  # the database refuses it for itself
    UNKNOWN_WEBSITE = auto()  # no active website has its tracking code


@dataclass(frozen=True, slots=True)
class StoreResult:
    """The result of an event, and what now stands under its id; a homeless one has no id."""

    result: EventResult
    stands: Event | EventRow | None = None

    @property
    def stored(self) -> Event | EventRow:
        """The event that stands under the id."""
        assert self.stands is not None
        return self.stands


def row_of(item: Item, site: Site) -> EventRow:
    """Return the row of one event."""
    [row] = rows_of([item], [site])
    return row


def store(item: Item, site: Site) -> StoreResult:
    """Store one event."""
    [results] = _store(rows_of([item], [site]))
    return results


def store_batch(items: Sequence[Item]) -> list[StoreResult]:
    """Store the events of a batch whose websites are known, in one transaction."""
    sites = [lookup.active_site(item["trackingCode"]) for item in items]
    known = [(item, site) for item, site in zip(items, sites, strict=True) if site]
    results = iter(_store(rows_of([item for item, _ in known], [site for _, site in known])))
    return [next(results) if site else StoreResult(EventResult.UNKNOWN_WEBSITE) for site in sites]


def rows_of(items: Sequence[Item], sites: Sequence[Site]) -> list[EventRow]:
    """Return the rows of events; those of one time get ascending ids."""
    now = uuid7.now_ms()
    times = [_time_of(item, now) for item in items]
    made = uuid7.new_ids(times)
    return [
        EventRow(
            id=item["id"] or made[n],
            created_at=uuid7.from_ms(times[n]),
            website_id=sites[n].id,
            event_type=item["eventType"],
            url=item["url"],
            referrer=item["referrer"],
            session_id=item["sessionId"],
            visitor_id=item["visitorId"],
            device_type=item["deviceType"],
            browser=item["browser"],
            os=item["os"],
            location=item["location"],
            properties=item["properties"],
        )
        for n, item in enumerate(items)
    ]


def _time_of(item: Item, now: int) -> int:
    if item["timestamp"] is not None:
        return int(item["timestamp"])
    return uuid7.ms_of(item["id"]) if item["id"] else now


def _store(rows: Sequence[EventRow]) -> list[StoreResult]:
    first: dict[UUID, EventRow] = {}
    for row in rows:
        first.setdefault(row.id, row)
    if not first:
        return []
    outcomes = dict(zip(first, writer.write(TABLE, list(first.values())), strict=True))
    known = [id for id, outcome in outcomes.items() if outcome is Outcome.DUPLICATE]
    standing: dict[UUID, Event | EventRow] = {**first}
    if known:
        standing |= Event.objects.in_bulk(known)
    return [
        _result(row, outcomes[row.id], standing[row.id], is_first=row is first[row.id])
        for row in rows
    ]


def _result(
    row: EventRow, outcome: Outcome, stands: Event | EventRow, *, is_first: bool
) -> StoreResult:
    if outcome is Outcome.WRITE_FAILED:
        result = EventResult.REFUSED
    elif stands.website_id != row.website_id:
        result = EventResult.CONFLICT
    elif not is_first:
        result = EventResult.DUPLICATE_IN_BATCH
    else:
        result = EventResult.NEW if outcome is Outcome.STORED else EventResult.DUPLICATE
    return StoreResult(result, stands)
