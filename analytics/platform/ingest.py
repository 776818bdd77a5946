"""Ingest of platform events: from validated values to committed rows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from analytics.ingest import retries
from analytics.ingest.bulk_copy import Table
from analytics.ingest.targets import register
from analytics.platform import stats
from analytics.platform.models import PlatformEvent, PlatformEventRow
from config.api import idempotency
from config.api.outcomes import Outcome
from config.db import uuid7

TABLE = register(Table.of(PlatformEvent, on_new_rows=stats.count_new_rows, owner="user_id"))

Item = dict[str, Any]  # what the serializer made of one event


def store(row: PlatformEventRow) -> Outcome:
    """Store one event: STORED or DUPLICATE; raises Conflict, RowRefused or StorageUnavailable."""
    return retries.write_one(TABLE, row)


def store_batch(rows: Sequence[PlatformEventRow]) -> list[Outcome]:
    return retries.write(TABLE, rows)


def rows_of(
    items: Sequence[Item],
    user_id: UUID,
    *,
    user_agent: str | None,
    client_id: str | None = None,
) -> list[PlatformEventRow]:
    """Return the rows of a user's events, each with its key as id; new ids of one time ascend.

    `user_agent` is that of the request, the default of events without one.
    """
    return [
        PlatformEventRow(
            id=id,
            created_at=uuid7.time_of(id),
            user_id=user_id,
            event_name=item["event_name"],
            category=item["category"],
            priority=item["priority"],
            properties=item["properties"] or "{}",
            session_id=item["session_id"],
            page_url=item["page_url"],
            referrer=item["referrer"],
            user_agent=user_agent if item["user_agent"] is None else item["user_agent"],
            client_id=client_id,
        )
        for item, id in zip(items, idempotency.ids_of(items, uuid7.now_ms()), strict=True)
    ]
