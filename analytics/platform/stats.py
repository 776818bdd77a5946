"""Statistics of all platform events, exact, from running totals instead of a full count."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, Sum

from analytics.platform import totals
from analytics.platform.totals import PlatformHour, PlatformTotal
from config.db import cluster, deadline
from config.db.routers import ANALYTICS


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers of events: of all time by category, of a day and of an hour of UTC."""

    by_category: dict[str, int]
    today: int
    this_hour: int

    @property
    def total(self) -> int:
        return sum(self.by_category.values())


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The result of a full count: the number of events, and how many totals were corrected."""

    events: int
    mended: int


def count_new_rows(rows: Sequence[Any]) -> None:
    """Count new rows; called within the transaction that stores them."""
    totals.add(Counter((row.category, _hour_of(row.created_at)) for row in rows))


def stats(now: datetime) -> Stats:
    """Return the numbers of events at a time, which decides what today and this hour are."""
    hour = _hour_of(now)
    day = hour.replace(hour=0)
    of_today = PlatformHour.objects.filter(hour__gte=day, hour__lt=day + timedelta(days=1))
    recent = of_today.aggregate(
        today=Sum("events", default=0),
        this_hour=Sum("events", filter=Q(hour=hour), default=0),
    )
    rows = PlatformTotal.objects.exclude(events=0).values_list("category", "events")
    return Stats(by_category=dict(rows), **recent)


def rebuild() -> Rebuilt:
    """Count all events and correct the totals that differ from the count.

    A total changes in one transaction with its events. So it is wrong, if at all, by a difference
    that writers do not change. One statement, which sees one snapshot, finds the difference; then
    it is added. Events that arrive meanwhile are neither lost nor waited for.
    """
    with deadline.long_transaction(ANALYTICS) as cursor:
        # Two at once would both add the difference.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('rebuild_totals'))")
        if cluster.is_cluster(ANALYTICS):  # whose nodes do not show the same moment
            cursor.execute("LOCK TABLE analytics_platformtotal IN SHARE MODE")
        cursor.execute(_COMPARE)
        compared = cursor.fetchall()
        wrong = [row for row in compared if row[3]]
        of_hours = {(category, hour): more for category, hour, _, more in wrong if hour}
        of_all_time = {category: more for category, hour, _, more in wrong if not hour}
        totals.add_each(of_all_time, of_hours)
        totals.drop_empty_hours({hour for (_, hour), more in of_hours.items() if more < 0})
    return Rebuilt(sum(events for _, hour, events, _ in compared if not hour), len(wrong))


# One row (category, hour, events, difference) for each hour whose total is wrong, and one without
# an hour for each category. FULL JOIN finds totals without events, too.
_COMPARE = """
WITH counted AS MATERIALIZED (
    SELECT category, date_trunc('hour', created_at, 'UTC') AS hour, count(*) AS events
    FROM analytics_platformevent GROUP BY 1, 2
), of_all_time AS (
    SELECT category, sum(events)::bigint AS events FROM counted GROUP BY 1
)
SELECT category, hour, counted.events, coalesce(counted.events, 0) - coalesce(total.events, 0)
FROM counted FULL JOIN analytics_platformhour total USING (category, hour)
WHERE counted.events IS DISTINCT FROM total.events
UNION ALL
SELECT category, NULL, coalesce(counted.events, 0),
    coalesce(counted.events, 0) - coalesce(total.events, 0)
FROM of_all_time counted FULL JOIN analytics_platformtotal total USING (category)
"""


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
