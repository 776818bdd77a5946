"""Running totals of platform events, changed in the transaction of the events they count.

There are totals of all time and totals of hours, so that statistics read a few rows: one for each
category, and those of today, although clients may send events of any hour since 2015.

Every change locks totals of all time before those of hours, and both in the order of their keys,
so that no two deadlock. All processes add to the same totals of the present and so take turns, from
here to the commit; that is why events are stored first (analytics/ingest/bulk_copy.py).
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import connections, models

from config.db.routers import ANALYTICS

HourCounts = Mapping[tuple[str, datetime], int]  # category and hour of UTC to a number of events


class PlatformTotal(models.Model):
    """The number of platform events of a category."""

    home: ClassVar = ANALYTICS

    category = models.CharField(max_length=11, primary_key=True)
    events = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.category}: {self.events}"


class PlatformHour(models.Model):
    """The number of platform events of a category whose time is in one hour of UTC."""

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("hour", "category")
    hour = models.DateTimeField()
    category = models.CharField(max_length=11)
    events = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.category} at {self.hour}: {self.events}"


def end_of(category: str) -> datetime | None:
    """Return the end of the last hour that has events of a category, None when none has."""
    hours = PlatformHour.objects.filter(category=category, events__gt=0)
    last = hours.order_by("-hour").values_list("hour", flat=True).first()
    return last + timedelta(hours=1) if last else None


def add(counts: HourCounts) -> None:
    """Add numbers of events, which may be negative, to both grains; within a transaction."""
    of_all_time: Counter[str] = Counter()
    for (category, _), events in counts.items():
        of_all_time[category] += events
    add_each(of_all_time, counts)


def add_each(of_all_time: Mapping[str, int], of_hours: HourCounts) -> None:
    """Add a number of events to each of these totals; within a transaction."""
    values: list[Any] = [[hour for _, hour in of_hours], [category for category, _ in of_hours]]
    values += [list(of_hours.values()), list(of_all_time), list(of_all_time.values())]
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute(_ADD, values)


def drop_empty_hours(hours: Collection[datetime]) -> None:
    """Delete totals of hours that have come down to 0; within a transaction."""
    PlatformHour.objects.filter(hour__in=hours, events=0).delete()


# Both in one statement, since others wait for these rows. What stands in a WITH and is not read is
# done after the rest.
_ADD = """
WITH hours AS (
    INSERT INTO analytics_platformhour AS total (hour, category, events)
    SELECT * FROM unnest(%s::timestamptz[], %s::varchar[], %s::bigint[])
        AS given (hour, category, events)
    ORDER BY hour, category
    ON CONFLICT (hour, category) DO UPDATE SET events = total.events + excluded.events
)
INSERT INTO analytics_platformtotal AS total (category, events)
SELECT * FROM unnest(%s::varchar[], %s::bigint[]) AS given (category, events) ORDER BY category
ON CONFLICT (category) DO UPDATE SET events = total.events + excluded.events
"""
