"""Lists of the values of a dimension."""

from dataclasses import dataclass

from analytics.pages.links import State
from analytics.pages.numbers import Number
from analytics.pages.texts import DIMENSIONS, METRICS, Metric
from analytics.reports.questions.question import Answer, Question, Row

PAGE_METRICS = ("visitors", "pageviews", "bounceRate", "timeOnPage", "scrollDepth")
ORIGIN_METRICS = ("visitors", "sessions", "bounceRate", "sessionDuration")
EVENT_METRICS = ("visitors", "events")


@dataclass(frozen=True, slots=True)
class ListRow:
    """A value of a list; width: of its bar, in per cent."""

    text: str
    numbers: list[Number]
    width: float
    link: str
    exclude_link: str


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column; link: of the list in its order, where it can be sorted."""

    metric: Metric
    link: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True)
class Values:
    """A list of values of a dimension."""

    label: str
    heads: list[Head]
    rows: list[ListRow]
    total: int
    csv_link: str
    first: int = 1

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def metrics_of(dimension: str) -> tuple[str, ...]:
    """Return the metrics of the whole list of a dimension."""
    if dimension == "page":
        return PAGE_METRICS
    return EVENT_METRICS if dimension in ("event", "outbound", "download") else ORIGIN_METRICS


def values_of(
    found: Answer, asked: Question, state: State, *, can_be_sorted: bool = False
) -> Values:
    """Return the values of an answer, with bars by their first metric."""
    assert asked.by
    most = max((row.metrics[asked.metrics[0]] or 0 for row in found.rows), default=0)
    return Values(
        label=DIMENSIONS[asked.by],
        heads=[
            _sorting_head(name, asked, state) if can_be_sorted else Head(METRICS[name])
            for name in asked.metrics
        ],
        rows=[_list_row(row, asked, state, most) for row in found.rows],
        total=found.total,
        csv_link=state.export(asked.by, asked.metrics),
        first=asked.offset + 1,
    )


def _sorting_head(name: str, asked: Question, state: State) -> Head:
    order = "ascending" if asked.ascending else "descending"
    return Head(METRICS[name], state.sorted_by(name), order if name == asked.sort else "")


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
