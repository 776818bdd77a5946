"""Ingest of funnel events: from validated values to a committed row."""

import logging
from typing import Any
from uuid import UUID

from prometheus_client import Counter

from analytics.funnel.models import FunnelEvent, FunnelEventRow
from analytics.ingest import retries
from analytics.ingest.bulk_copy import Table
from analytics.ingest.targets import register
from config.api.outcomes import Outcome
from config.db import uuid7

logger = logging.getLogger(__name__)

TRACKED = Counter("analytics_event_tracked", "Funnel events that were stored.")
TABLE = register(Table.of(FunnelEvent, counter=TRACKED, owner="user_id"))


def store(item: dict[str, Any], user_id: UUID, key: UUID | None) -> Outcome:
    """Store one event of a user, with its key as id: STORED or DUPLICATE.

    Raises Conflict for a key of another user's event, StorageUnavailable, or RowRefused for a
    deleted user.
    """
    id = key or uuid7.new_id_now()
    row = FunnelEventRow(
        id=id,
        created_at=uuid7.time_of(id),
        user_id=user_id,
        session_id=item["sessionId"],
        event_type=item["event"],
        event_data=item["properties"] or "{}",
    )
    outcome = retries.write_one(TABLE, row)
    if outcome is Outcome.STORED:
        # Cut, because a name may be as long as a body.
        logger.debug("[analytics] Event tracked: %.1000s for user %s", row.event_type, user_id)
    return outcome
