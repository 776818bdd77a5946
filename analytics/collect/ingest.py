"""Ingest of collected events: from validated values to committed rows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from analytics.collect.models import CollectedEvent, CollectedEventRow
from analytics.ingest import retries
from analytics.ingest.bulk_copy import Table
from analytics.ingest.targets import register
from config.api import idempotency
from config.api.outcomes import Outcome
from config.db import uuid7

TABLE = register(Table.of(CollectedEvent, owner="user_id"))

Item = dict[str, Any]  # what the serializer made of one event


def rows_of(items: Sequence[Item], *, user_id: UUID, ip_hash: str) -> list[CollectedEventRow]:
    """Return the rows of a user's events, each with its key as id; new ids of one time ascend."""
    now = uuid7.now_ms()
    return [
        CollectedEventRow(
            id=id,
            created_at=uuid7.time_of(id),
            received_at=uuid7.from_ms(now),
            user_id=user_id,
            event_type=item["event_type"],
            event_data=item["event_data"],
            ip_hash=ip_hash,
        )
        for id, item in zip(idempotency.ids_of(items, now), items, strict=True)
    ]


def store(rows: Sequence[CollectedEventRow]) -> list[Outcome]:
    return retries.write(TABLE, rows) if rows else []
