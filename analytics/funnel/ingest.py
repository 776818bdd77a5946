"""Ingest of funnel events: from validated values to a committed row."""

import logging
from typing import Any
from uuid import UUID

from prometheus_client import Counter

from analytics.funnel.models import FunnelEvent, FunnelEventRow
from analytics.ingest import writer
from analytics.ingest.bulk_copy import Table
from config.db import uuid7

logger = logging.getLogger(__name__)

TABLE = Table.of(FunnelEvent)
TRACKED = Counter("analytics_event_tracked", "Funnel events that were stored.")


def store(item: dict[str, Any], user_id: UUID) -> None:
    """Store one event of a user; raises StorageUnavailable, or RowRefused for a deleted user."""
    now = uuid7.now_ms()
    row = FunnelEventRow(
        id=uuid7.new_id(now),
        created_at=uuid7.from_ms(now),
        user_id=user_id,
        session_id=item["sessionId"],
        event_type=item["event"],
        event_data=item["properties"] or "{}",
    )
    writer.write_one(TABLE, row)
    TRACKED.inc()
    # Cut, because a name may be as long as a body.
    logger.debug("[analytics] Event tracked: %.1000s for user %s", row.event_type, user_id)
