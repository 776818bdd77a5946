"""The cards and the chart of the dashboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics.pages import charts
from analytics.pages.annotations import Mark
from analytics.pages.charts import Chart
from analytics.pages.links import State
from analytics.pages.numbers import Number
from analytics.pages.texts import METRICS, format_metric
from analytics.reports.questions.question import Answer, Row

CARDS = ("visitors", "sessions", "pageviews", "pagesPerSession", "bounceRate", "sessionDuration")


@dataclass(frozen=True, slots=True)
class Card:
    """A number of the whole, which the chart shows when it is chosen."""

    label: str
    definition: str
    number: Number
    link: str
    is_chosen: bool


def cards(totals: Row, state: State, chosen: str) -> list[Card]:
    """Return the totals, each with a link that lets the chart show it."""
    return [
        Card(
            label=METRICS[name].label,
            definition=METRICS[name].definition,
            number=Number.of(name, totals.metrics, totals.previous),
            link=state.with_(chart=name),
            is_chosen=name == chosen,
        )
        for name in CARDS
    ]


def chart_of(series: Answer, metric: str, interval: str, marks: Sequence[Mark]) -> Chart:
    """Return the chart of a series, with annotations in the texts of its buckets."""
    begun = _begun(series)
    notes: dict[int, str] = {}
    for mark in marks:
        notes[mark.bucket] = f"{notes.get(mark.bucket, '')}; {mark.annotation.text}"
    return charts.chart(
        [row.metrics[metric] or 0 for row in begun],
        [row.previous[metric] or 0 for row in begun if row.previous],
        [_bucket_text(row, metric, interval) + notes.get(n, "") for n, row in enumerate(begun)],
        [short_time_text(row.value, interval) for row in series.rows],
        is_running=bool(begun) and not begun[-1].is_complete,
        format=lambda number: format_metric(metric, number),
    )


def short_time_text(value: str | None, interval: str) -> str:
    """Return the start of a bucket as it stands below a chart."""
    at = datetime.fromisoformat(value or "")
    if interval in ("minute", "hour"):
        return f"{at:%H:%M}" if at.hour or at.minute else f"{at.day} {at:%b}"
    return f"{at:%b %Y}" if interval == "month" else f"{at.day} {at:%b}"


def chart_rows(series: Answer, metric: str, interval: str) -> list[tuple[str, str, str]]:
    """Return the buckets as texts: time, number, number before."""
    return [
        (
            time_text(row.value, interval),
            format_metric(metric, row.metrics[metric]),
            format_metric(metric, row.previous[metric]) if row.previous else "",
        )
        for row in _begun(series)
    ]


def chart_text(series: Answer, metric: str) -> str:
    """Return what the chart shows as a sentence."""
    number = format_metric(metric, series.totals.metrics[metric])
    text = f"{METRICS[metric].label}: {number} in all"
    if series.totals.previous:
        text += f", {format_metric(metric, series.totals.previous[metric])} before"
    return text


def time_text(value: str | None, interval: str) -> str:
    """Return the start of a bucket as people read it."""
    at = datetime.fromisoformat(value or "")
    match interval:
        case "minute" | "hour":
            return f"{at:%a} {at.day} {at:%b %H:%M}"
        case "month":
            return f"{at:%b %Y}"
        case "week":
            return f"Week of {at.day} {at:%b}"
    return f"{at:%a} {at.day} {at:%b}"


def _begun(series: Answer) -> Sequence[Row]:
    """Return the buckets of a series that are over, and the one in which time runs."""
    complete = sum(row.is_complete for row in series.rows)
    return series.rows[: complete + 1]


def _bucket_text(row: Row, metric: str, interval: str) -> str:
    text = f"{time_text(row.value, interval)}: {format_metric(metric, row.metrics[metric])}"
    if row.previous:
        text += f", before {format_metric(metric, row.previous[metric])}"
    return text if row.is_complete else f"{text}, so far"
