"""Ingest of collected events: from validated values to committed rows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from analytics.collect.models import CollectedEvent, CollectedEventRow
from analytics.ingest import writer
from analytics.ingest.bulk_copy import Table
from config.api.outcomes import Outcome
from config.db import uuid7

TABLE = Table.of(CollectedEvent)

Item = dict[str, Any]  # what the serializer made of one event


def rows_of(items: Sequence[Item], *, user_id: UUID, ip_hash: str) -> list[CollectedEventRow]:
    """Return the rows of a user's events; those of one time get ascending ids."""
    now = uuid7.now_ms()
    times = [now if item["timestamp"] is None else item["timestamp"] for item in items]
    return [
        CollectedEventRow(
            id=id,
            created_at=uuid7.from_ms(uuid7.ms_of(id)),
            received_at=uuid7.from_ms(now),
            user_id=user_id,
            event_type=item["event_type"],
            event_data=item["event_data"],
            ip_hash=ip_hash,
        )
        for id, item in zip(uuid7.new_ids(times), items, strict=True)
    ]


def store(rows: Sequence[CollectedEventRow]) -> list[Outcome]:
    return writer.write(TABLE, rows) if rows else []
