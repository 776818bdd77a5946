"""What is counted of sessions, and the metrics that are made of it."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import add, attrgetter
from typing import NamedTuple, Self

from pyroaring import BitMap

from analytics.reports.questions.question import Metrics
from analytics.rounding import percentage, rounded_ratio

# In the order of the columns of each statement that counts, and of a breakdown.
COUNTS = (
    "sessions",
    "viewed_sessions",
    "bounced_sessions",
    "engaged_sessions",
    "duration_ms",
    "page_views",
    "events",
    "timed_views",
    "engaged_seconds",
    "scrolled_pages",
    "scroll_percents",
    "entries",
    "exits",
)

# What metrics are made of, beside visitors.
NEEDS = {
    "visitors": (),
    "sessions": ("sessions",),
    "pageviews": ("page_views",),
    "events": ("events",),
    "pagesPerSession": ("page_views", "sessions"),
    "bounceRate": ("bounced_sessions", "viewed_sessions"),
    "engagementRate": ("engaged_sessions", "sessions"),
    "sessionDuration": ("duration_ms", "sessions"),
    "timeOnPage": ("engaged_seconds", "timed_views", "page_views"),
    "scrollDepth": ("scroll_percents", "scrolled_pages"),
    "entries": ("entries",),
    "exits": ("exits",),
    "exitRate": ("exits", "page_views"),
    "conversions": ("page_views", "events"),
}


@dataclass(slots=True)  # not frozen: an answer makes thousands, each in less than half the time
class Sums:
    """Counts that can be added, and visitors by their numbers, whose sets can be united.

    Of the sessions that began: sessions, viewed_sessions (with a page view), bounced_sessions (with
    exactly one), engaged_sessions, duration_ms, entries, exits. Of what happened: page_views,
    events (custom ones; of a link its clicks), timed_views (page views whose engaged time is
    known), engaged_seconds (of these), scrolled_pages, scroll_percents.
    """

    sessions: int = 0
    viewed_sessions: int = 0
    bounced_sessions: int = 0
    engaged_sessions: int = 0
    duration_ms: int = 0
    page_views: int = 0
    events: int = 0
    timed_views: int = 0
    engaged_seconds: int = 0
    scrolled_pages: int = 0
    scroll_percents: int = 0
    entries: int = 0
    exits: int = 0
    visitors: BitMap = field(default_factory=BitMap)

    @classmethod
    def of(cls, counts: Iterable[int], visitors: BitMap) -> Self:
        """Return sums of counts in the order of COUNTS."""
        return cls(*map(int, counts), visitors)  # type: ignore[call-arg, arg-type]

    @property
    def counts(self) -> tuple[int, ...]:
        return _counts_of(self)

    def __add__(self, other: Self) -> Self:
        counts = map(add, self.counts, other.counts)
        return self.of(counts, self.visitors | other.visitors)


_counts_of: Callable[[Sums], tuple[int, ...]] = attrgetter(*COUNTS)
NOTHING = Sums()


class ValueCounts(NamedTuple):
    """The sums of a value, without its visitors; bound: it has at most so many."""

    value: str | None
    bound: int
    sums: Sums


def total(sums: Iterable[Sums]) -> Sums:
    """Return the sum of many."""
    found: Sequence[Sums] = list(sums)
    if len(found) <= 1:
        return found[0] if found else NOTHING
    counts = map(sum, zip(*(each.counts for each in found), strict=True))
    return Sums.of(counts, BitMap.union(*(each.visitors for each in found)))


def visitors_of(numbers: bytes | None) -> BitMap:
    """Return the set of numbers that SQL has strung together, of four bytes each."""
    values = array("I", numbers or b"")
    values.byteswap()  # PostgreSQL sends the highest byte first
    return BitMap(values)


def needed(names: Iterable[str]) -> set[str]:
    """Return the counts that metrics are made of."""
    return {count for name in names for count in NEEDS.get(name, ())}


def metrics_of(sums: Sums, names: Iterable[str]) -> Metrics:
    """Return metrics by their names."""
    return {name: metric(sums, name) for name in names}


def metric(sums: Sums, name: str) -> float | None:
    """Return a number, a mean, or a rate in per cent, None where there is nothing to divide by."""
    match name:
        case "visitors":
            return len(sums.visitors)
        case "sessions" | "events" | "entries" | "exits":
            number: int = getattr(sums, name)
            return number
        case "pageviews":
            return sums.page_views
        case "conversions":  # where only what reaches a goal is counted
            return sums.page_views + sums.events
        case "pagesPerSession":
            return _mean(sums.page_views, sums.sessions, digits=2)
        case "bounceRate":
            return percentage(sums.bounced_sessions, sums.viewed_sessions)
        case "engagementRate":
            return percentage(sums.engaged_sessions, sums.sessions)
        case "sessionDuration":
            return _mean(sums.duration_ms, 1000 * sums.sessions)
        case "timeOnPage":
            return _mean(sums.engaged_seconds, sums.timed_views)
        case "scrollDepth":
            return _mean(sums.scroll_percents, sums.scrolled_pages)
        case "exitRate":
            return percentage(sums.exits, sums.page_views)
        case "conversionRate" | "revenue" | "averageRevenue":
            return None  # goal_metrics fills them in
    raise KeyError(name)


def _mean(part: int, whole: int, *, digits: int = 1) -> float | None:
    """Return part / whole, rounded half up."""
    if not whole:
        return None
    scale: int = 10**digits
    return rounded_ratio(part * scale, whole) / scale
