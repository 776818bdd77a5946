"""Rows of websites that are deleted, or that the main database does not know."""

from uuid import UUID

from django.apps import apps
from django.db.models import Model

from config.db import cluster, deadline
from config.db.routers import ANALYTICS, home
from websites.models import DeletedWebsite, Website

LOOKUP_BATCH = 1_000

# One jump in the index for each website, instead of a scan of all rows.
_WEBSITES_OF_ROWS = """
WITH RECURSIVE site (id) AS (
    (SELECT website_id FROM {table} ORDER BY website_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT website_id FROM {table} WHERE website_id > site.id
        ORDER BY website_id LIMIT 1
    )
    FROM site WHERE site.id IS NOT NULL
)
SELECT id FROM site WHERE id IS NOT NULL
"""
_WEBSITES_OF_SHARDS = "SELECT DISTINCT website_id FROM {table} ORDER BY website_id"


def deleted_websites(model: type[Model]) -> list[UUID]:
    """Return the websites of a table's rows that the main database says were deleted.

    One that it merely does not have may be newer than the backup from which it was restored.
    """
    missing = _missing_websites(model)
    deleted = _known(DeletedWebsite, missing)
    return [id for id in missing if id in deleted]


def unknown_websites() -> list[UUID]:
    """Return the websites of any rows that the main database neither has nor says were deleted."""
    missing = sorted({id for model in _models_of_websites() for id in _missing_websites(model)})
    deleted = _known(DeletedWebsite, missing)
    return [id for id in missing if id not in deleted]


def _models_of_websites() -> list[type[Model]]:
    return [
        model
        for model in apps.get_models()
        if home(model) == ANALYTICS
        and any(field.name == "website_id" for field in model._meta.concrete_fields)
    ]


def _missing_websites(model: type[Model]) -> list[UUID]:
    statement = _WEBSITES_OF_SHARDS if cluster.is_cluster(ANALYTICS) else _WEBSITES_OF_ROWS
    with deadline.long_transaction(ANALYTICS) as cursor:
        cursor.execute(statement.format(table=model._meta.db_table))
        ids = [id for (id,) in cursor.fetchall()]
    existing = _known(Website, ids)
    return [id for id in ids if id not in existing]


def _known(model: type[Model], ids: list[UUID]) -> set[UUID]:
    """Return which of these ids a table of the main database has."""
    found: set[UUID] = set()
    for start in range(0, len(ids), LOOKUP_BATCH):
        batch = model._default_manager.filter(pk__in=ids[start : start + LOOKUP_BATCH])
        found |= set(batch.values_list("pk", flat=True))
    return found
