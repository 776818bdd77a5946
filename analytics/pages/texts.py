"""What pages say: names, definitions, and numbers as people read them."""

from collections.abc import Mapping
from typing import NamedTuple

import humanize

from analytics.reports.questions.question import GOAL
from config.api.errors import Invalid

NOTHING = "-"


class Metric(NamedTuple):
    """A metric as pages show it.

    less_is_better: None where neither more nor less is.
    """

    label: str
    definition: str
    less_is_better: bool | None = False


METRICS: Mapping[str, Metric] = {
    "visitors": Metric("Visitors", "Different visitors with an event in this time. Exact."),
    "sessions": Metric("Sessions", "Sessions that began in this time."),
    "pageviews": Metric("Page views", "Pages that were seen in this time."),
    "events": Metric("Events", "Custom events in this time."),
    "pagesPerSession": Metric("Pages per session", "Page views of a session, on average."),
    "bounceRate": Metric(
        "Bounce rate", "Sessions with exactly one page view, of those that have one.", True
    ),
    "engagementRate": Metric(
        "Engagement",
        "Sessions with two page views, a custom event, or ten seconds in use, of all sessions.",
    ),
    "sessionDuration": Metric(
        "Duration", "Time from the first to the last event of a session, on average."
    ),
    "timeOnPage": Metric(
        "Time on page", "Engaged time of a page view, on average, where it is known."
    ),
    "scrollDepth": Metric("Scrolled", "Deepest per cent of a page in a session, on average."),
    "entries": Metric("Entries", "Sessions that began with this page."),
    "exits": Metric("Exits", "Sessions that ended with this page."),
    "exitRate": Metric("Exit rate", "Exits of a page view.", None),
    "conversions": Metric("Conversions", "Events that reach the goal."),
    "conversionRate": Metric(
        "Conversion rate", "Visitors who reached the goal, of all who fit the other filters."
    ),
    "revenue": Metric("Revenue", "Sum of the amounts of these events."),
    "averageRevenue": Metric("Average revenue", "Mean of these amounts."),
    "conversionFromFirst": Metric("Of the first", "Of those who took the first step."),
    "conversionFromPrevious": Metric("Of the step before", "Of those who took the step before."),
    "dropOff": Metric("Lost", "Who took the step before, and not this one.", True),
    "medianSeconds": Metric("Median time", "From the step before to this one.", True),
    "share": Metric("Share", "Part of the whole.", None),
}
DIMENSIONS: Mapping[str, str] = {
    "page": "Page",
    "entryPage": "Entry page",
    "exitPage": "Exit page",
    "hostname": "Host",
    "source": "Source",
    "channel": "Channel",
    "referrer": "Referrer",
    "utmSource": "UTM source",
    "utmMedium": "UTM medium",
    "utmCampaign": "Campaign",
    "utmTerm": "UTM term",
    "utmContent": "UTM content",
    "country": "Country",
    "region": "Region",
    "city": "City",
    "browser": "Browser",
    "browserVersion": "Browser version",
    "os": "Operating system",
    "osVersion": "Version of the operating system",
    "device": "Device",
    "language": "Language",
    "screen": "Screen",
    "event": "Event",
    "outbound": "Outbound link",
    "download": "Download",
    GOAL: "Goal",
}
OPERATORS: Mapping[str, str] = {
    "is": "is",
    "not": "is not",
    "contains": "contains",
    "excludes": "does not contain",
    "matches": "matches",
    "known": "is known:",
}
PERIODS: Mapping[str, str] = {
    "today": "Today",
    "yesterday": "Yesterday",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "28d": "Last 28 days",
    "90d": "Last 90 days",
    "month": "This month",
    "year": "This year",
    "12mo": "Last 12 months",
    "all": "All time",
}
INTERVALS: Mapping[str, str] = {
    "minute": "Minutes",
    "hour": "Hours",
    "day": "Days",
    "week": "Weeks",
    "month": "Months",
}
_RATES = {"bounceRate", "engagementRate", "scrollDepth", "exitRate", "share", "conversionRate"} | {
    "conversionFromFirst",
    "conversionFromPrevious",
}
_SECONDS = {"sessionDuration", "timeOnPage", "medianSeconds"}
_MONEY = {"revenue", "averageRevenue"}


def format_metric(name: str, number: float | None) -> str:
    """Return a number of a metric as people read it."""
    if number is None:
        return NOTHING
    if name in _RATES:
        return f"{number:.1f} %"
    if name in _SECONDS:
        return format_seconds(number)
    if name in _MONEY:
        return f"{number:,.2f}"
    return f"{number:,.1f}" if name == "pagesPerSession" else humanize.intcomma(round(number))


def problem_text(error: Invalid) -> str:
    """Return what is wrong with a question."""
    return " ".join(f"{problem.location[-1]}: {problem.describe()}." for problem in error.problems)


def format_seconds(number: float) -> str:
    """Return a duration such as 1h 02m, 3m 20s, 45s."""
    seconds = round(number)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {seconds:02}s" if minutes else f"{seconds}s"


def format_change(current: float | None, previous: float | None) -> str:
    """Return by how many per cent a number changed, nothing where that says nothing."""
    if current is None or previous is None:
        return ""
    if not previous:
        return "new" if current else ""
    change = 100 * (current - previous) / previous
    if abs(change) < 0.05:
        return "±0 %"
    return f"{change:+,.0f} %" if abs(change) >= 10 else f"{change:+.1f} %"
