"""What the dashboard of a website shows: cards, a chart, and lists of values."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from analytics.pages import charts
from analytics.pages.charts import Chart
from analytics.pages.links import State
from analytics.pages.texts import DIMENSIONS, METRICS, NOTHING, Metric, format_change, format_metric
from analytics.reports.answers import answer_together
from analytics.reports.labels import label
from analytics.reports.question import Answer, Condition, Metrics, Question, Row

CARDS = ("visitors", "sessions", "pageviews", "pagesPerSession", "bounceRate", "sessionDuration")
PAGE_METRICS = ("visitors", "pageviews", "bounceRate", "timeOnPage", "scrollDepth")
ORIGIN_METRICS = ("visitors", "sessions", "bounceRate", "sessionDuration")
EVENT_METRICS = ("visitors", "events")
TOP = 10


class Kind(NamedTuple):
    """A panel: its parameter in links, its name, the tabs of its lists, and its metric."""

    name: str
    label: str
    tabs: dict[str, str]
    metric: str = "visitors"


PANELS = (
    Kind(
        "pages",
        "Pages",
        {"page": "Pages", "entryPage": "Entry", "exitPage": "Exit", "hostname": "Hosts"},
    ),
    Kind(
        "sources",
        "Sources",
        {
            "source": "Sources",
            "channel": "Channels",
            "referrer": "Referrers",
            "utmCampaign": "Campaigns",
        },
    ),
    Kind(
        "places",
        "Places",
        {"country": "Countries", "region": "Regions", "city": "Cities", "language": "Languages"},
    ),
    Kind(
        "devices",
        "Devices",
        {"browser": "Browsers", "os": "Systems", "device": "Devices", "screen": "Screens"},
    ),
    Kind(
        "events",
        "Events",
        {"event": "Events", "outbound": "Outbound", "download": "Downloads"},
        "events",
    ),
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number, and how it changed, for people."""

    text: str
    before: str = ""
    change: str = ""
    tone: str = "soft"

    @classmethod
    def of(cls, name: str, current: Metrics, previous: Metrics | None) -> "Number":
        text = format_metric(name, current.get(name))
        if previous is None:
            return cls(text)
        change = format_change(current.get(name), previous.get(name))
        return cls(text, format_metric(name, previous.get(name)), change, _tone(name, change))


@dataclass(frozen=True, slots=True)
class Card:
    """A number of the whole, which the chart shows when it is chosen."""

    label: str
    definition: str
    number: Number
    link: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Link:
    """One of several things to choose from."""

    text: str
    link: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class ListRow:
    """A value of a list; width: of its bar, in per cent."""

    text: str
    numbers: list[Number]
    width: float
    link: str
    exclude_link: str


@dataclass(frozen=True, slots=True)
class Values:
    """A list of values of a dimension."""

    label: str
    heads: list[Metric]
    rows: list[ListRow]
    total: int
    csv_link: str
    first: int = 1

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


@dataclass(frozen=True, slots=True)
class Panel:
    """A list of the first values, with tabs for other dimensions."""

    name: str
    label: str
    tabs: list[Link]
    values: Values
    all_link: str


def _tone(name: str, change: str) -> str:
    less_is_better = METRICS[name].less_is_better
    if less_is_better is None or not change or change.startswith("±"):
        return "soft"
    return "good" if change.startswith(("+", "new")) != less_is_better else "bad"


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


def chart_of(series: Answer, metric: str, interval: str) -> Chart:
    """Return the chart of a series."""
    rows = series.rows
    return charts.chart(
        [row.metrics[metric] or 0 for row in rows],
        [row.previous[metric] or 0 for row in rows if row.previous],
        [_bucket_text(row, metric, interval) for row in rows],
        [time_text(row.value, interval) for row in rows],
        is_running=bool(rows) and not rows[-1].is_complete,
        format=lambda number: format_metric(metric, number),
    )


def chart_rows(series: Answer, metric: str, interval: str) -> list[tuple[str, str, str]]:
    """Return the buckets as texts: time, number, number before."""
    return [
        (
            time_text(row.value, interval),
            format_metric(metric, row.metrics[metric]),
            format_metric(metric, row.previous[metric]) if row.previous else "",
        )
        for row in series.rows
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


def panels(question: Question, state: State) -> list[Panel]:
    """Return all panels, each with the tab that the state names."""
    questions = [
        replace(
            question,
            by=_chosen_tab(kind, state),
            interval=None,
            metrics=(kind.metric,),
            sort=kind.metric,
            limit=TOP,
        )
        for kind in PANELS
    ]
    found = answer_together(questions)
    return [
        _panel(kind, asked, answer, state)
        for kind, asked, answer in zip(PANELS, questions, found, strict=True)
    ]


def _chosen_tab(kind: Kind, state: State) -> str:
    dimension = state.query.get(kind.name, "")
    return dimension if dimension in kind.tabs else next(iter(kind.tabs))


def _panel(kind: Kind, asked: Question, found: Answer, state: State) -> Panel:
    tabs = [
        Link(text, state.with_(**{kind.name: each}), each == asked.by)
        for each, text in kind.tabs.items()
    ]
    values = values_of(found, asked, state)
    all_link = f"{state.base}by/{asked.by}/?{state.asked}"
    return Panel(kind.name, kind.label, tabs, values, all_link)


def metrics_of(dimension: str) -> tuple[str, ...]:
    """Return the metrics of the whole list of a dimension."""
    if dimension == "page":
        return PAGE_METRICS
    return EVENT_METRICS if dimension in ("event", "outbound", "download") else ORIGIN_METRICS


def values_of(found: Answer, asked: Question, state: State) -> Values:
    """Return the values of an answer, with bars by their first metric."""
    assert asked.by
    most = max((row.metrics[asked.metrics[0]] or 0 for row in found.rows), default=0)
    metrics = ",".join(asked.metrics)
    return Values(
        label=DIMENSIONS[asked.by],
        heads=[METRICS[name] for name in asked.metrics],
        rows=[_list_row(row, asked, state, most) for row in found.rows],
        total=found.total,
        csv_link=f"{state.base}export.csv?{state.asked}&by={asked.by}&metrics={metrics}",
        first=asked.offset + 1,
    )


def chips(conditions: Iterable[Condition], state: State) -> list[Link]:
    """Return the filters, each with a link that removes it."""
    return [
        Link(_condition_text(each, value), state.removing(parameter(each), value))
        for each in conditions
        for value in each.values
    ]


def _list_row(row: Row, asked: Question, state: State, most: float) -> ListRow:
    first = row.metrics[asked.metrics[0]] or 0
    is_known = row.value is not None
    by = asked.by or ""
    return ListRow(
        text=row.label or row.value or "Unknown",
        numbers=[Number.of(name, row.metrics, row.previous) for name in asked.metrics],
        width=round(100 * first / most, 1) if most else 0,
        link=state.adding(by, row.value or "")
        if is_known
        else state.with_(**{f"{by}__known": "false"}),
        exclude_link=state.adding(f"{by}__not", row.value or "")
        if is_known
        else state.with_(**{f"{by}__known": "true"}),
    )


def _bucket_text(row: Row, metric: str, interval: str) -> str:
    text = f"{time_text(row.value, interval)}: {format_metric(metric, row.metrics[metric])}"
    if row.previous:
        text += f", before {format_metric(metric, row.previous[metric])}"
    return text if row.is_complete else f"{text}, so far"


def parameter(condition: Condition) -> str:
    """Return the name of the parameter that states a condition."""
    is_plain = condition.operator == "is"
    return condition.dimension if is_plain else f"{condition.dimension}__{condition.operator}"


def _condition_text(condition: Condition, value: str) -> str:
    name = DIMENSIONS.get(condition.dimension, condition.dimension)
    if condition.operator == "known":
        return f"{name} is {'known' if value == 'true' else 'unknown'}"
    is_whole = condition.operator in ("is", "not")
    text = (is_whole and label(condition.dimension, value)) or value or NOTHING
    verbs = {"is": "is", "not": "is not", "excludes": "does not contain"}
    return f"{name} {verbs.get(condition.operator, condition.operator)} {text}"
