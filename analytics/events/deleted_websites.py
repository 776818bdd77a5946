"""Websites that are deleted and have rows yet."""

from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from config.db import deadline, uuid7
from config.db.routers import ANALYTICS
from websites.models import User, Website

# The websites of rows are read first, from one database, and the known ones afterwards from
# another, which may be a replica that lags behind: a younger website may only seem deleted.
MIN_AGE = timedelta(minutes=10)
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


def deleted_websites(model: type[Model], now: datetime) -> list[UUID]:
    """Return the websites of rows that the main database does not know.

    Raises ImproperlyConfigured if it knows no user either: then it is probably the wrong one.
    """
    newest = uuid7.floor(now - MIN_AGE)
    with deadline.long_transaction(ANALYTICS) as cursor:
        cursor.execute(_WEBSITES_OF_ROWS.format(table=model._meta.db_table))
        ids = [id for (id,) in cursor.fetchall() if id < newest]
    if ids and not User.objects.exists():
        raise ImproperlyConfigured(
            "The main database knows no user at all, so that every event seems to be of a deleted "
            "website. Is DATABASE_URL the right one?"
        )
    known: set[UUID] = set()
    for start in range(0, len(ids), LOOKUP_BATCH):
        batch = Website.objects.filter(id__in=ids[start : start + LOOKUP_BATCH])
        known |= set(batch.values_list("id", flat=True))
    return [id for id in ids if id not in known]
