"""Ranges of time as they are asked for, and the earlier ones that they are compared with."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from analytics.reports.questions.buckets import DAY, INTERVALS, local_day, next_edge, start_of
from analytics.reports.questions.question import Range

Moment = date | datetime  # a whole day, or an instant
DEFAULT = "28d"
DAYS = {"today": 1, "7d": 7, "28d": 28, "90d": 90}  # that end with today
PERIODS = ("today", "yesterday", "24h", "7d", "28d", "90d", "12mo", "month", "year", "all")
FEW_BUCKETS, MAX_BUCKETS = 100, 1000


@dataclass(frozen=True, slots=True)
class Span:
    """A range of whole local days, or of instants.

    days: the first day, and the one after the last; None of instants.
    months: how many months before it the range before begins, 0 for as many days as it has.
    """

    range: Range
    zone: ZoneInfo
    days: tuple[date, date] | None = None
    months: int = 0

    @classmethod
    def of_days(cls, first: date, last: date, zone: ZoneInfo, *, months: int = 0) -> "Span":
        end = last + DAY
        return cls(Range(start_of(first, zone), start_of(end, zone)), zone, (first, end), months)

    @classmethod
    def between(cls, start: Moment, end: Moment, zone: ZoneInfo) -> "Span":
        """Return the range of two days, both included, or of two instants, the second not."""
        if isinstance(start, datetime) and isinstance(end, datetime):
            return cls(Range(start, end), zone)
        return cls.of_days(start, end, zone)

    def previous(self, now: datetime) -> Range:
        """Return the range of the same length, or of as many months, that ends where this begins.

        A range of days is followed day by day, so that it keeps its weekdays.
        """
        if self.days is None:
            start, end = self.range
            return self.cut(Span(Range(start - (end - start), start), self.zone), now)
        first, end_day = self.days
        start_day = months_before(first, self.months) if self.months else first - (end_day - first)
        return self.cut(Span.of_days(start_day, first - DAY, self.zone), now)

    def year_before(self, now: datetime) -> Range:
        """Return the range of the same dates, or local times, a year before."""
        if self.days:
            first, last = self.days[0], self.days[1] - DAY
            days = months_before(first, 12), months_before(last, 12)
            return self.cut(Span.of_days(*days, self.zone), now)
        return self.cut(Span(Range(*map(self._year_before, self.range)), self.zone), now)

    def cut(self, earlier: "Span", now: datetime) -> Range:
        """Return an earlier range, cut at the time that has passed of this one.

        Of days by the local time of day, whatever the clocks did in between.
        """
        start, end = earlier.range
        if not self.range.start <= now < self.range.end:
            return earlier.range
        if self.days and earlier.days:
            passed = local_day(now, self.zone) - self.days[0]
            time = now.astimezone(self.zone).time()
            cut = datetime.combine(earlier.days[0] + passed, time, self.zone).astimezone(UTC)
        else:
            cut = start + (now - self.range.start)
        return Range(start, max(start, min(end, cut)))

    def _year_before(self, at: datetime) -> datetime:
        local = at.astimezone(self.zone)
        day = months_before(local.date(), 12)
        return datetime.combine(day, local.time(), self.zone).astimezone(UTC)


def span_of(period: str, now: datetime, zone: ZoneInfo, *, since: date | None = None) -> Span:
    """Return a period by its name; `all` begins with the day `since`, if there is one."""
    today = local_day(now, zone)
    if period == "24h":
        return Span(_last_hours(24, now, zone), zone)
    if period == "yesterday":
        return Span.of_days(today - DAY, today - DAY, zone)
    if period == "all":
        return Span.of_days(min(since or today, today), today, zone)
    if period in DAYS:
        return Span.of_days(today - DAY * (DAYS[period] - 1), today, zone)
    months = {"month": 1, "year": 12, "12mo": 12}[period]
    first = today.replace(day=1)
    if period == "year":
        first = first.replace(month=1)
    elif period == "12mo":
        first = months_before(first, 11)
    return Span.of_days(first, today, zone, months=months)


def months_before(day: date, months: int) -> date:
    """Return the same day of an earlier month, or the last one that this month has."""
    month = day.year * 12 + day.month - 1 - months
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def finest_interval(range: Range, zone: ZoneInfo) -> str:
    """Return the shortest interval of which a range has few buckets, else the longest."""
    fitting = (each for each in INTERVALS if has_at_most(FEW_BUCKETS, range, each, zone))
    return next(fitting, INTERVALS[-1])


def has_at_most(buckets: int, range: Range, interval: str, zone: ZoneInfo) -> bool:
    """Return whether a range has at most so many buckets, without making more of them."""
    edge = range.start
    for _ in [None] * buckets:
        edge = next_edge(edge, interval, zone)
        if edge >= range.end:
            return True
    return False


def _last_hours(hours: int, now: datetime, zone: ZoneInfo) -> Range:
    """Return this hour of the clock, whole, and those before it."""
    end = next_edge(now, "hour", zone)
    return Range(end - timedelta(hours=hours), end)
