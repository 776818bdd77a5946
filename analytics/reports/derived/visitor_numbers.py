"""Numbers of visitors of whom no session is left, so that nothing has an erased person's id"""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.db import connections

from analytics.reports.derived import rollup
from analytics.reports.models import WebsiteVisitor
from config.db import deadline
from config.db.routers import home

DAYS = 7  # all sessions of a website are read for it
BATCH_ROWS = 20_000
WAIT_SECONDS = 60  # for a rollup of the website


def delete_unused(websites: Iterable[UUID], day: date) -> int:
    """Delete the unused numbers of those websites whose turn it is; return how many there were."""
    due = [id for id in websites if id.int % DAYS == day.toordinal() % DAYS]
    return sum(map(_delete_unused, due))


def _delete_unused(website_id: UUID) -> int:
    """Delete the unused numbers of a website, a batch a transaction.

    Within the lock of rollups, so that none begins to use one. Whoever is in the set of a sealed
    day has a session, since days are unsealed when their sessions go: no set has such a number, and
    a visitor who comes back may get another one.
    """
    deleted, is_last = 0, False
    while not is_last:
        with deadline.long_transaction(home(WebsiteVisitor)):
            if not rollup.lock(website_id, WAIT_SECONDS):
                return deleted
            with connections[home(WebsiteVisitor)].cursor() as cursor:
                cursor.execute(_DELETE, {"website": website_id, "most": BATCH_ROWS})
                deleted += cursor.rowcount
                is_last = cursor.rowcount < BATCH_ROWS
    return deleted


_DELETE = """
WITH used AS MATERIALIZED (
    SELECT visitor AS number FROM analytics_websitesession WHERE website_id = %(website)s
     UNION
    SELECT unnest(hit_visitors) FROM analytics_websitesession
     WHERE website_id = %(website)s AND is_irregular
)
DELETE FROM analytics_websitevisitor
 WHERE website_id = %(website)s AND number = ANY(ARRAY(
    SELECT number FROM analytics_websitevisitor AS visitor
     WHERE website_id = %(website)s
       AND NOT EXISTS (SELECT FROM used WHERE used.number = visitor.number)
     LIMIT %(most)s
 ))
"""
