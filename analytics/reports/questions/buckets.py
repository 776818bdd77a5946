"""Buckets of time: local hours, days, weeks and months of a zone, whatever its clocks do."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from analytics.reports.questions.question import Range

DAY, WEEK = timedelta(days=1), timedelta(days=7)
INTERVALS = ("minute", "hour", "day", "week", "month")


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day, in UTC.

    Where clocks are put forward at midnight, the day begins when they show a later time.
    """
    midnight = datetime.combine(day, time(), zone)
    return midnight.astimezone(UTC)


def start_of_week(day: date) -> date:
    """Return the Monday of the week of a day."""
    return day - DAY * day.weekday()


def range_of(day: date, zone: ZoneInfo) -> Range:
    return Range(start_of(day, zone), start_of(day + DAY, zone))


def local_day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def local_time(at: datetime, zone: ZoneInfo) -> str:
    """Return an instant as the clocks of a zone show it."""
    local = at.astimezone(zone)
    return local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")


def edges_of(range: Range, interval: str, zone: ZoneInfo) -> list[datetime]:
    """Return the start of each bucket of a range, the first of which may be cut, and its end."""
    edges = [range.start]
    while (following := next_edge(edges[-1], interval, zone)) < range.end:
        edges.append(following)
    return [*edges, range.end]


def next_edge(at: datetime, interval: str, zone: ZoneInfo) -> datetime:
    """Return the start of the bucket after the one in which a time lies."""
    if interval in ("minute", "hour"):
        return _next_clock_edge(at, interval, zone)
    day = local_day(at, zone)
    if interval == "day":
        day += DAY
    elif interval == "week":
        day = start_of_week(day) + WEEK
    else:
        day = (day.replace(day=1) + DAY * 32).replace(day=1)
    return start_of(day, zone)


def days_of(range: Range, zone: ZoneInfo) -> Iterator[date]:
    """Yield the local days that a range touches."""
    day = local_day(range.start, zone)
    while start_of(day, zone) < range.end:
        yield day
        day += DAY


def _next_clock_edge(at: datetime, interval: str, zone: ZoneInfo) -> datetime:
    """Return the next time at which local clocks show a full minute or hour.

    By steps of real time: where clocks change by half an hour, that hour has 90 minutes.
    """
    local = at.astimezone(zone)
    passed = timedelta(seconds=local.second, microseconds=local.microsecond)
    if interval == "minute":
        return at - passed + timedelta(minutes=1)
    edge = at - passed + timedelta(minutes=60 - local.minute)
    left = (60 - edge.astimezone(zone).minute) % 60
    return edge + timedelta(minutes=left)
