"""Response bodies of statistics."""

from typing import Annotated, Any, ClassVar, Self
from zoneinfo import ZoneInfo

from msgspec import UNSET, Meta, UnsetType

from analytics.reports.parameters.fields import TIME
from analytics.reports.questions.buckets import local_time
from analytics.reports.questions.question import Answer, Metrics, Question, Range, Row
from config.api.bodies import Body, Count, Timestamp, iso

Numbers = Annotated[
    dict[str, int | float | None],
    Meta(description="By metric; a rate is in per cent, null without anything to divide by."),
]
Filters = Annotated[
    list[list[str | list[str]]], Meta(description="Each a dimension, an operator and values.")
]
LocalTime = Annotated[Timestamp, Meta(description="With the offset of the time zone.")]


class StatsRow(Body, kw_only=True):
    """What is counted of one value of a dimension, or in one bucket of time.

    `label` is what people call the value; buckets have none. `complete` comes, as false, with
    buckets that have not ended.
    """

    value: str | None
    label: str | UnsetType = UNSET
    metrics: Numbers
    previous: Numbers | UnsetType = UNSET
    complete: bool | UnsetType = UNSET

    @classmethod
    def of(cls, row: Row, question: Question) -> Self:
        is_bucket = question.by == TIME
        return cls(
            value=row.value,
            label=UNSET if is_bucket else label_of(row),
            metrics=row.metrics,
            previous=_unset(row.previous),
            complete=UNSET if row.is_complete else False,
        )


class StatsTotals(Body):
    """What is counted in the whole range, under the same conditions."""

    metrics: Numbers
    previous: Numbers | UnsetType = UNSET


class TimeRange(Body, rename={"start": "from", "end": "to"}):
    """The time from one instant to another, which is not part of it."""

    start: LocalTime
    end: LocalTime

    @classmethod
    def of(cls, range: Range, zone: ZoneInfo) -> Self:
        return cls(local_time(range.start, zone), local_time(range.end, zone))


class StatsMeta(Body, kw_only=True, rename={"start": "from", "end": "to", "as_of": "asOf"}):
    """What was asked, and what the answer is worth.

    `total` is the number of values before `limit` and `offset`. `asOf` is earlier than now where
    the newest events are not counted yet. `exact` is false where sessions have more events than are
    kept of one, `truncated` true where a day has more values than are kept of one. `coverage` comes
    with `timeOnPage`: the share of page views, from 0 to 1, whose engaged time is known.
    """

    start: LocalTime
    end: LocalTime
    timezone: str
    interval: str | None
    previous: TimeRange | UnsetType = UNSET
    filters: Filters
    total: Count
    limit: Count
    offset: Count
    as_of: Timestamp
    exact: bool
    truncated: bool
    coverage: float | UnsetType | None = UNSET

    @classmethod
    def of(cls, question: Question, answer: Answer) -> Self:
        zone = question.timezone
        coverage = answer.coverage if answer.coverage is None else round(answer.coverage, 3)
        return cls(
            start=local_time(question.range.start, zone),
            end=local_time(question.range.end, zone),
            timezone=zone.key,
            interval=question.interval,
            filters=filters_of(question),
            total=answer.total,
            limit=question.limit,
            offset=question.offset,
            as_of=iso(answer.as_of),
            exact=answer.is_exact,
            truncated=answer.is_truncated,
            previous=TimeRange.of(question.previous, zone) if question.previous else UNSET,
            coverage=coverage if "timeOnPage" in question.metrics else UNSET,
        )


class StatsBody(Body):
    """Totals, and a row for each value or bucket that is asked for."""

    rows: list[StatsRow]
    totals: StatsTotals
    meta: StatsMeta

    example: ClassVar[Any] = {
        "rows": [
            {
                "value": "DE",
                "label": "Germany",
                "metrics": {"visitors": 812},
                "previous": {"visitors": 790},
            },
            {
                "value": None,
                "label": "Unknown",
                "metrics": {"visitors": 31},
                "previous": {"visitors": 0},
            },
        ],
        "totals": {"metrics": {"visitors": 2044}, "previous": {"visitors": 1990}},
        "meta": {
            "from": "2026-10-01T00:00:00+02:00",
            "to": "2026-10-29T00:00:00+01:00",
            "timezone": "Europe/Berlin",
            "interval": None,
            "previous": {
                "from": "2026-09-03T00:00:00+02:00",
                "to": "2026-09-30T14:03:11.020+02:00",
            },
            "filters": [["device", "is", ["mobile", "tablet"]]],
            "total": 57,
            "limit": 10,
            "offset": 0,
            "asOf": "2026-10-28T14:03:11.020Z",
            "exact": True,
            "truncated": False,
        },
    }

    @classmethod
    def of(cls, question: Question, answer: Answer) -> Self:
        return cls(
            rows=[StatsRow.of(row, question) for row in answer.rows],
            totals=StatsTotals(answer.totals.metrics, _unset(answer.totals.previous)),
            meta=StatsMeta.of(question, answer),
        )


def filters_of(question: Question) -> list[list[str | list[str]]]:
    """Return the conditions of a question."""
    return [[each.dimension, each.operator, list(each.values)] for each in question.conditions]


def label_of(row: Row) -> str:
    """Return what people call a value: often what it is."""
    return row.label or row.value or ""


def _unset(metrics: Metrics | None) -> Metrics | UnsetType:
    return UNSET if metrics is None else metrics
