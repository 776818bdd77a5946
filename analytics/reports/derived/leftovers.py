"""What is derived of websites that were deleted, beside their sessions, which are a stream."""

from uuid import UUID

from django.db import connections
from django.db.models import Model

from analytics.events.deleted_websites import deleted_websites
from analytics.reports.derived.rollup_models import (
    DirtyRange,
    EventTotal,
    HeavySession,
    WebsiteRules,
)
from analytics.reports.derived.sealed_models import SEALED
from analytics.reports.models import WebsiteVisitor
from config.db.routers import home

BATCH_ROWS = 5_000
MODELS: tuple[type[Model], ...] = (
    *(DirtyRange, EventTotal, HeavySession, *SEALED),
    *(WebsiteVisitor, WebsiteRules),
)


def delete_leftovers() -> int:
    """Delete the rows of deleted websites, in batches; return how many there were."""
    found = [(model, id) for model in MODELS for id in deleted_websites(model)]
    return sum(_delete(model, website_id) for model, website_id in found)


def _delete(model: type[Model], website_id: UUID) -> int:
    table = model._meta.db_table
    statement = (
        f"DELETE FROM {table} WHERE website_id = %s AND ctid IN "
        f"(SELECT ctid FROM {table} WHERE website_id = %s LIMIT {BATCH_ROWS})"
    )
    deleted, is_last = 0, False
    while not is_last:
        with connections[home(model)].cursor() as cursor:
            cursor.execute(statement, [website_id] * 2)
            deleted += cursor.rowcount
            is_last = cursor.rowcount < BATCH_ROWS
    return deleted
