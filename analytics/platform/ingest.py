"""Ingest of platform events: from validated values to committed rows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from analytics.ingest import writer
from analytics.ingest.bulk_copy import Table
from analytics.platform import stats
from analytics.platform.models import PlatformEvent, PlatformEventRow
from config.api.outcomes import Outcome
from config.db import uuid7

TABLE = Table.of(PlatformEvent, on_new_rows=stats.count_new_rows)

Item = dict[str, Any]  # what the serializer made of one event


def store(row: PlatformEventRow) -> None:
    """Store one event; raises StorageUnavailable, or RowRefused when the database refuses it."""
    writer.write_one(TABLE, row)


def store_batch(rows: Sequence[PlatformEventRow]) -> list[Outcome]:
    return writer.write(TABLE, rows)


def rows_of(
    items: Sequence[Item],
    user_id: UUID,
    *,
    user_agent: str | None,
    client_id: str | None = None,
) -> list[PlatformEventRow]:
    """Return the rows of a user's events; those of one time get ascending ids.

    `user_agent` is that of the request, the default of events without one.
    """
    now = uuid7.now_ms()
    times = [now if item["timestamp"] is None else item["timestamp"] for item in items]
    return [
        PlatformEventRow(
            id=id,
            created_at=uuid7.from_ms(ms),
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
        for item, ms, id in zip(items, times, uuid7.new_ids(times), strict=True)
    ]
